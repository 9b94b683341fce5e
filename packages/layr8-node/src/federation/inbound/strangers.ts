import { RateLimit } from "../../phoenix/rate-limit.ts";
import { BoundedMap } from "../bounded-map.ts";

/** Caps on what strangers may make the node do. */
export interface StrangerLimits {
  /** Messages of one address, in a second, whose sender the node has not met. */
  readonly perSecond: number;
  /** Documents of such senders that are looked for at once, for all addresses. */
  readonly atOnce: number;
  /** The same for one address. */
  readonly atOncePerAddress: number;
  readonly now: () => number;
}

/** Addresses and senders that are remembered. */
const MAX_REMEMBERED = 10_000;

/** A stranger has to come back later. */
export class TooManyStrangers extends Error {
  constructor() {
    super("Too many messages of unknown senders at once");
  }
}

/** Tells senders that the node has met from those that it hasn't, and limits how often and how long the latter make it ask other hosts. */
export class Strangers {
  readonly #limits: StrangerLimits;
  readonly #met = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #rates = new BoundedMap<string, RateLimit>(MAX_REMEMBERED);
  readonly #asking = new Map<string, number>();
  #askingInAll = 0;

  constructor(limits: StrangerLimits) {
    this.#limits = limits;
  }

  /** Whether a message has proven lately to be this DID's. */
  hasMet(did: string): boolean {
    return this.#met.get(did) === true;
  }

  meet(did: string): void {
    this.#met.set(did, true);
  }

  /** Takes one off an address's rate. @throws TooManyStrangers when there is none left. */
  take(address: string): void {
    let rate = this.#rates.get(address);
    if (rate === undefined) {
      rate = new RateLimit(this.#limits.perSecond, this.#limits.now);
      this.#rates.set(address, rate);
    }
    if (!rate.take()) throw new TooManyStrangers();
  }

  /** Looks for a stranger's document on behalf of an address. @throws TooManyStrangers */
  async ask<T>(address: string, find: () => Promise<T>): Promise<T> {
    const { atOnce, atOncePerAddress } = this.#limits;
    const asking = this.#asking.get(address) ?? 0;
    if (this.#askingInAll >= atOnce || asking >= atOncePerAddress) throw new TooManyStrangers();
    this.take(address);
    this.#askingInAll += 1;
    this.#asking.set(address, asking + 1);
    try {
      return await find();
    } finally {
      this.#askingInAll -= 1;
      const left = (this.#asking.get(address) ?? 1) - 1;
      if (left > 0) this.#asking.set(address, left);
      else this.#asking.delete(address);
    }
  }
}
