import { FairShare, RateLimiter } from "@parley/core/internal";
import { BoundedMap } from "../../bounded-map.ts";

/** Limits on the work that unknown senders can cause. */
export interface UnknownSenderLimits {
  /** Messages per second from one address whose sender is unknown. */
  readonly perSecond: number;
  /** Documents of unknown senders resolved at the same time, for all addresses. */
  readonly atOnce: number;
  /** Documents of unknown senders resolved at the same time, for one address. */
  readonly atOncePerAddress: number;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** Number of addresses and senders remembered. */
const MAX_REMEMBERED = 10_000;

/** The limit for unknown senders is reached: the client should retry later. */
export class TooManyUnknownSenders extends Error {
  constructor() {
    super("Too many messages of unknown senders at once");
  }
}

/** Records authenticated senders, and limits the resolution work that unknown ones can cause. */
export class UnknownSenderLimiter {
  readonly #known = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #rate: RateLimiter;
  readonly #resolving: FairShare;

  constructor({ perSecond, atOnce, atOncePerAddress, now }: UnknownSenderLimits) {
    this.#rate = new RateLimiter({ perSecond, maxOwners: MAX_REMEMBERED, now });
    this.#resolving = new FairShare({ total: atOnce, perOwner: atOncePerAddress });
  }

  /** Whether a recent message was authenticated as this DID's. */
  isKnown(did: string): boolean {
    return this.#known.get(did) === true;
  }

  /** Records an authenticated sender. */
  add(did: string): void {
    this.#known.set(did, true);
  }

  /**
   * Charges units of work to an address.
   *
   * @throws TooManyUnknownSenders when too few are left.
   */
  take(address: string, units = 1): void {
    if (!this.#rate.tryTake(address, units)) throw new TooManyUnknownSenders();
  }

  /**
   * Resolves an unknown sender's document, charged to an address.
   *
   * @throws TooManyUnknownSenders
   */
  async resolve<T>(address: string, find: () => Promise<T>): Promise<T> {
    const lease = this.#resolving.tryAcquire(address);
    if (lease === undefined) throw new TooManyUnknownSenders();
    try {
      this.take(address);
      return await find();
    } finally {
      lease.release();
    }
  }
}
