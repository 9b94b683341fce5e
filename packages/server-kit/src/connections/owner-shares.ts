/** Limits of {@link OwnerShares}, in connections. */
export interface OwnerShareLimits {
  readonly total: number;
  readonly perOwner: number;
  /** How many of `total` are reserved for owners without a connection. */
  readonly reserved: number;
}

interface Owner<C> {
  readonly name: string;
  held: number;
  /** Longest idle first. */
  readonly idle: Set<C>;
}

/**
 * Counts the connections of each owner and tracks which of them are idle. Every operation takes constant time, except
 * {@link OwnerShares.toReplace}, whose time is bounded by the connections that one owner may hold, regardless of the number of owners.
 */
export class OwnerShares<C> {
  readonly #limits: OwnerShareLimits;
  readonly #owners = new Map<string, Owner<C>>();
  /** Owners with idle connections, indexed by their number of connections. */
  readonly #withIdle: (Set<Owner<C>> | undefined)[] = [];
  #used = 0;

  constructor(limits: OwnerShareLimits) {
    this.#limits = limits;
  }

  /** Whether an owner can open one more connection without replacing another. */
  hasRoom(name: string): boolean {
    const { total, perOwner, reserved } = this.#limits;
    const held = this.#heldBy(name);
    return held === 0 ? this.#used < total : held < perOwner && this.#used < total - reserved;
  }

  /**
   * Selects the idle connection that a new connection of `name` replaces: the longest idle one of the owner with the most connections. If
   * `name` has reached its limit, or the largest owner has at most one connection more, it is the longest idle one of `name` itself.
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
