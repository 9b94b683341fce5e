const MAX_PER_PARTY = 32;
const MAX_SESSIONS = 1024;

/** Records which party opened each MCP session, so that no other party can use it. */
export class SessionOwners {
  readonly #owners = new Map<string, string>();
  /** Sessions of each party. Both levels are in least-recently-used order. */
  readonly #sessions = new Map<string, Set<string>>();

  /**
   * Makes a party the owner of a session, unless it has another owner. Returns whether the party owns it.
   *
   * A party's 33rd session evicts its own least recently used one. The 1025th session in total evicts one of the party that has most. So
   * sessions that were never closed don't prevent new ones, and a party with few sessions is not affected by one with many.
   */
  claim(session: string, party: string): boolean {
    const owner = this.#owners.get(session);
    if (owner !== undefined && owner !== party) return false;
    const own = this.#sessions.get(party) ?? new Set();
    this.#sessions.delete(party);
    this.#sessions.set(party, own);
    own.delete(session);
    own.add(session);
    this.#owners.set(session, party);
    if (own.size > MAX_PER_PARTY) this.#dropOldest(party, own);
    if (this.#owners.size > MAX_SESSIONS) this.#evict();
    return true;
  }

  /** Removes a session that its owner has closed. */
  release(session: string, party: string): void {
    if (this.#owners.get(session) !== party) return;
    this.#owners.delete(session);
    const own = this.#sessions.get(party);
    own?.delete(session);
    if (own?.size === 0) this.#sessions.delete(party);
  }

  #evict(): void {
    const [first, ...others] = this.#sessions;
    if (first === undefined) return;
    this.#dropOldest(...others.reduce((most, each) => (each[1].size > most[1].size ? each : most), first));
  }

  #dropOldest(party: string, own: ReadonlySet<string>): void {
    const [oldest] = own;
    if (oldest !== undefined) this.release(oldest, party);
  }
}
