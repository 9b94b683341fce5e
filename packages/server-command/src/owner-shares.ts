/** Limits of {@link OwnerShares}: numbers of connections. */
export interface OwnerShareLimits {
  readonly total: number;
  readonly perOwner: number;
  /** The part of `total` that only owners without a connection can take. */
  readonly reserved: number;
}

interface Owner<C> {
  readonly name: string;
  held: number;
  /** The longest idle first. */
  readonly idle: Set<C>;
}

/**
 * How many connections each owner has, and which of them are idle. Every operation takes constant time; {@link OwnerShares.toReplace} takes as many
 * steps as one owner may have connections, however many owners there are.
 */
export class OwnerShares<C> {
  readonly #limits: OwnerShareLimits;
  readonly #owners = new Map<string, Owner<C>>();
  /** Owners with idle connections, by the number of all their connections. */
  readonly #withIdle: (Set<Owner<C>> | undefined)[] = [];
  #used = 0;

  constructor(limits: OwnerShareLimits) {
    this.#limits = limits;
  }

  /** Whether an owner can get one more connection without ending another one. */
  hasRoom(name: string): boolean {
    const { total, perOwner, reserved } = this.#limits;
    const held = this.#heldBy(name);
    return held === 0 ? this.#used < total : held < perOwner && this.#used < total - reserved;
  }

  /**
   * The idle connection whose place a new one of an owner takes where there is no room: the longest idle one of the owner with the most
   * connections, unless that has hardly more than the new one's owner; then, and where the owner has its share, its own longest idle one.
   */
  toReplace(name: string): C | undefined {
    const held = this.#heldBy(name);
    const largest = held < this.#limits.perOwner ? this.#largest() : undefined;
    const [longestIdle] =
      largest !== undefined && (held === 0 || largest.held > held + 1) ? largest.idle : (this.#owners.get(name)?.idle ?? []);
    return longestIdle;
  }

  add(name: string): void {
    this.#resize(name, 1);
  }

  remove(name: string, connection: C): void {
    this.setIdle(name, connection, false);
    this.#resize(name, -1);
  }

  setIdle(name: string, connection: C, isIdle: boolean): void {
    const owner = this.#owners.get(name);
    if (owner === undefined) return;
    owner.idle.delete(connection);
    if (isIdle) owner.idle.add(connection);
    this.#place(owner);
  }

  #heldBy(name: string): number {
    return this.#owners.get(name)?.held ?? 0;
  }

  #resize(name: string, change: number): void {
    const owner = this.#owners.get(name) ?? { name, held: 0, idle: new Set<C>() };
    this.#withIdle[owner.held]?.delete(owner);
    owner.held += change;
    this.#used += change;
    if (owner.held > 0) this.#owners.set(name, owner);
    else this.#owners.delete(name);
    this.#place(owner);
  }

  #place(owner: Owner<C>): void {
    if (owner.idle.size === 0 || owner.held === 0) this.#withIdle[owner.held]?.delete(owner);
    else (this.#withIdle[owner.held] ??= new Set()).add(owner);
  }

  #largest(): Owner<C> | undefined {
    for (; this.#withIdle.length > 0; this.#withIdle.length -= 1) {
      const [largest] = this.#withIdle.at(-1) ?? [];
      if (largest !== undefined) return largest;
    }
    return undefined;
  }
}
