/** Limits of a {@link FairShare}, in any unit: bytes, connections, slots. */
export interface FairShareLimits {
  /** Held by all owners together. */
  readonly total: number;
  /** Held by one owner. An owner that holds nothing gets its first lease even if that alone is larger. */
  readonly perOwner: number;
  /** The part of `total` that only owners that hold nothing yet can take. Default: an eighth of `total`, rounded down. */
  readonly reserved?: number;
}

/**
 * Divides a limited resource between owners (accounts, API keys, addresses), so that none of them can take it from all others:
 * each has a cap, and the last part is reserved for owners that hold nothing.
 */
export class FairShare {
  readonly #ledger: Ledger;

  constructor(limits: FairShareLimits) {
    this.#ledger = new Ledger(limits);
  }

  /** Held by all owners. */
  get used(): number {
    return this.#ledger.used;
  }

  /** Held by one owner. */
  heldBy(owner: string): number {
    return this.#ledger.heldBy(owner);
  }

  /** Takes an amount for an owner; `undefined` if the owner's share or the total is used up. */
  tryAcquire(owner: string, amount = 1): FairShareLease | undefined {
    return this.#ledger.take(owner, amount) ? new Lease(this.#ledger, owner, amount) : undefined;
  }
}

/** The amount that each owner holds. */
class Ledger {
  readonly #total: number;
  readonly #perOwner: number;
  readonly #reserved: number;
  readonly #held = new Map<string, number>();
  used = 0;

  constructor({ total, perOwner, reserved = Math.floor(total / 8) }: FairShareLimits) {
    this.#total = total;
    this.#perOwner = perOwner;
    this.#reserved = reserved;
  }

  heldBy(owner: string): number {
    return this.#held.get(owner) ?? 0;
  }

  take(owner: string, amount: number): boolean {
    if (!this.#fits(owner, amount)) return false;
    this.add(owner, amount);
    return true;
  }

  add(owner: string, amount: number): void {
    this.used += amount;
    const held = this.heldBy(owner) + amount;
    if (held > 0) this.#held.set(owner, held);
    else this.#held.delete(owner);
  }

  #fits(owner: string, amount: number): boolean {
    const held = this.heldBy(owner);
    if (held === 0) return this.used + amount <= this.#total;
    return held + amount <= this.#perOwner && this.used + amount <= this.#total - this.#reserved;
  }
}

/** A class: an object with closures would take three times the memory, and each connection has a lease. */
class Lease implements FairShareLease {
  readonly #ledger: Ledger;
  readonly #owner: string;
  #held: number;

  constructor(ledger: Ledger, owner: string, held: number) {
    this.#ledger = ledger;
    this.#owner = owner;
    this.#held = held;
  }

  tryGrow(amount: number): boolean {
    if (this.#held === 0 || !this.#ledger.take(this.#owner, amount)) return false;
    this.#held += amount;
    return true;
  }

  release(): void {
    this.#ledger.add(this.#owner, -this.#held);
    this.#held = 0;
  }
}

/** What an owner holds of a {@link FairShare}, until it is released. */
export interface FairShareLease {
  /** Takes more under the same lease, as a body arrives; `false` if it doesn't fit. */
  tryGrow(amount: number): boolean;
  /** Gives everything back. Further calls do nothing. */
  release(): void;
}
