const MAX_PER_PARTY = 32;
const MAX_SESSIONS = 1024;

/** Which party opened a session: it belongs to nobody else, as long as it is known. */
export class SessionOwners {
  readonly #owners = new Map<string, string>();
  /** Longest unused first. */
  readonly #sessions = new Map<string, Set<string>>();

  /** Whether a party may write in a session. Its own longest unused gives way to one more than 32. */
  admits(session: string, party: string): boolean {
    const owner = this.#owners.get(session);
    if (owner !== undefined && owner !== party) return false;
    if (owner === undefined && this.#owners.size >= MAX_SESSIONS) return false;
    const own = this.#sessions.get(party) ?? new Set();
    this.#sessions.set(party, own);
    own.delete(session);
    own.add(session);
    this.#owners.set(session, party);
    if (own.size > MAX_PER_PARTY) this.#dropOldest(party, own);
    return true;
  }

  /** The session has ended. */
  release(session: string, party: string): void {
    if (this.#owners.get(session) !== party) return;
    this.#owners.delete(session);
    const own = this.#sessions.get(party);
    own?.delete(session);
    if (own?.size === 0) this.#sessions.delete(party);
  }

  #dropOldest(party: string, own: ReadonlySet<string>): void {
    const [oldest] = own;
    if (oldest !== undefined) this.release(oldest, party);
  }
}
