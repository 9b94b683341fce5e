import { FairShare } from "@parley/core/internal";

/** A number of messages and their total size. */
export interface QuotaLimits {
  readonly count: number;
  readonly bytes: number;
}

/** A port delivers at most 16 MiB of unsettled envelopes. This leaves capacity for one more message of any size. */
export const MAX_UNSETTLED_BYTES = 12_582_912;
/** The part of the unsettled messages that can belong to one party. */
export const MAX_PER_PARTY: QuotaLimits = { count: 64, bytes: 4_194_304 };

/** Limits how many messages can be held, in total and for each party, so that no party can use all the capacity. */
export class PerPartyQuota {
  readonly #total: QuotaLimits;
  readonly #perParty: QuotaLimits;
  readonly #count: FairShare;
  readonly #bytes: FairShare;
  #anonymous = 0;

  constructor(total: QuotaLimits, perParty: QuotaLimits) {
    this.#total = total;
    this.#perParty = perParty;
    this.#count = new FairShare({ total: total.count, perOwner: perParty.count, reserved: 0 });
    this.#bytes = new FairShare({ total: total.bytes, perOwner: perParty.bytes, reserved: 0 });
  }

  /** Whether a party holds as many messages as it may. Always `false` for an unknown party: only the total limits it. */
  isPartyFull(party: string | undefined): boolean {
    return party !== undefined && this.#count.heldBy(ownerOf(party)) >= this.#perParty.count;
  }

  hasCapacity(party: string | undefined, bytes: number): boolean {
    const release = this.tryAcquire(party, bytes);
    release?.();
    return release !== undefined;
  }

  /**
   * Acquires capacity for one message. Returns a function that releases it, or `undefined` if the quota is used up. A message of any size
   * fits while no other is held.
   */
  tryAcquire(party: string | undefined, bytes: number): (() => void) | undefined {
    this.#anonymous += 1;
    const owner = party === undefined ? `anonymous:${this.#anonymous}` : ownerOf(party);
    const count = this.#count.tryAcquire(owner);
    if (count === undefined) return undefined;
    const size = this.#bytes.tryAcquire(owner, Math.min(bytes, this.#total.bytes));
    if (size === undefined) count.release();
    return size && (() => [count, size].forEach((lease) => lease.release()));
  }
}

function ownerOf(party: string): string {
  return `party:${party}`;
}
