/** How much may wait. */
export interface Amount {
  readonly calls: number;
  readonly bytes: number;
}

/** What waits unsettled, and a port gives out no more than 16 MiB of that: this leaves room for one more message of any size. */
export const MOST_BYTES = 12_582_912;
/** What of it may be one party's. */
export const PARTY_SHARE: Amount = { calls: 64, bytes: 4_194_304 };

const NOTHING: Amount = { calls: 0, bytes: 0 };

/** Counts what waits, in all and of each party, so that none takes all the room. */
export class Shares {
  readonly #mostOfAll: Amount;
  readonly #mostOfOne: Amount;
  readonly #parties = new Map<string, Amount>();
  #all = NOTHING;

  constructor(mostOfAll: Amount, mostOfOne: Amount) {
    this.#mostOfAll = mostOfAll;
    this.#mostOfOne = mostOfOne;
  }

  /** Whether one more, of so many bytes, may wait. A single one may, however large. Who is not known has no share of their own. */
  hasRoom(party: string | undefined, bytes: number): boolean {
    if (this.#all.calls === 0) return true;
    if (!fits(this.#all, bytes, this.#mostOfAll)) return false;
    return party === undefined || fits(this.#parties.get(party) ?? NOTHING, bytes, this.#mostOfOne);
  }

  add(party: string | undefined, bytes: number): void {
    this.#change(party, 1, bytes);
  }

  remove(party: string | undefined, bytes: number): void {
    this.#change(party, -1, -bytes);
  }

  clear(): void {
    this.#parties.clear();
    this.#all = NOTHING;
  }

  #change(party: string | undefined, calls: number, bytes: number): void {
    this.#all = sum(this.#all, calls, bytes);
    if (party === undefined) return;
    const own = sum(this.#parties.get(party) ?? NOTHING, calls, bytes);
    if (own.calls === 0) this.#parties.delete(party);
    else this.#parties.set(party, own);
  }
}

function fits(taken: Amount, bytes: number, most: Amount): boolean {
  return taken.calls < most.calls && (taken.calls === 0 || taken.bytes + bytes <= most.bytes);
}

function sum(taken: Amount, calls: number, bytes: number): Amount {
  return { calls: taken.calls + calls, bytes: taken.bytes + bytes };
}
