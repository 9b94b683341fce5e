import { FairShare, RateLimiter } from "@parley/core/internal";
import { BoundedMap } from "../bounded-map.ts";

/** Caps on what strangers may make the node do. */
export interface UnknownSenderLimits {
  /** Messages of one address, in a second, whose sender the node has not met. */
  readonly perSecond: number;
  /** Documents of such senders that are looked for at once, for all addresses. */
  readonly atOnce: number;
  /** The same for one address. */
  readonly atOncePerAddress: number;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** Addresses and senders that are remembered. */
const MAX_REMEMBERED = 10_000;

/** A stranger has to come back later. */
export class TooManyUnknownSenders extends Error {
  constructor() {
    super("Too many messages of unknown senders at once");
  }
}

/** Tells senders that the node has met from those that it hasn't, and limits how often and how long the latter make it ask other hosts. */
export class UnknownSenderLimiter {
  readonly #met = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #rate: RateLimiter;
  readonly #asking: FairShare;

  constructor({ perSecond, atOnce, atOncePerAddress, now }: UnknownSenderLimits) {
    this.#rate = new RateLimiter({ perSecond, maxOwners: MAX_REMEMBERED, now });
    this.#asking = new FairShare({ total: atOnce, perOwner: atOncePerAddress });
  }

  /** Whether a message has proven lately to be this DID's. */
  hasMet(did: string): boolean {
    return this.#met.get(did) === true;
  }

  meet(did: string): void {
    this.#met.set(did, true);
  }

  /** Takes units of work off an address's rate. @throws TooManyUnknownSenders when too few are left. */
  take(address: string, units = 1): void {
    if (!this.#rate.tryTake(address, units)) throw new TooManyUnknownSenders();
  }

  /** Looks for a stranger's document on behalf of an address. @throws TooManyUnknownSenders */
  async ask<T>(address: string, find: () => Promise<T>): Promise<T> {
    const lease = this.#asking.tryAcquire(address);
    if (lease === undefined) throw new TooManyUnknownSenders();
    try {
      this.take(address);
      return await find();
    } finally {
      lease.release();
    }
  }
}
