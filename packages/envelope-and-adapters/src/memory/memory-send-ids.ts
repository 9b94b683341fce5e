const MAX_REMEMBERED = 65_536;

/** The latest send ids of each party. */
export class MemorySendIds {
  readonly #parties = new Map<string, Set<string>>();

  /** Adds an id. Returns `false` if the party has used it before. */
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
