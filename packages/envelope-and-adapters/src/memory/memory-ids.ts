const MAX_REMEMBERED = 65_536;

/** The ids of what each party has sent; the oldest are forgotten. */
export class MemoryIds {
  readonly #parties = new Map<string, Set<string>>();

  /** Whether the party has not sent anything under this id before. */
  add(party: string, id: string): boolean {
    const ids = this.#parties.get(party) ?? new Set();
    this.#parties.set(party, ids);
    if (ids.has(id)) return false;
    ids.add(id);
    const [oldest] = ids;
    if (ids.size > MAX_REMEMBERED && oldest !== undefined) ids.delete(oldest);
    return true;
  }
}
