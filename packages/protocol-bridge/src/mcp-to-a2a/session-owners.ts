const MAX_PER_PARTY = 32;
const MAX_SESSIONS = 1024;

/** Which party opened a session: it belongs to nobody else, as long as it is known. */
export class SessionOwners {
  readonly #owners = new Map<string, string>();
  /** Of each party, longest unused first; so are the parties. */
  readonly #sessions = new Map<string, Set<string>>();

  /**
   * Whether a party may write in a session. Its own longest unused gives way to one more than 32; to one more than 1024 in all, that of the
   * party that has most, so that nobody is locked out by sessions that were never closed, nor many pushed out by few.
   */
  admits(session: string, party: string): boolean {
    const owner = this.#owners.get(session);
    if (owner !== undefined && owner !== party) return false;
    const own = this.#sessions.get(party) ?? new Set();
    this.#sessions.delete(party);
    this.#sessions.set(party, own);
    own.delete(session);
    own.add(session);
    this.#owners.set(session, party);
    if (own.size > MAX_PER_PARTY) this.#dropOldest(party, own);
    if (this.#owners.size > MAX_SESSIONS) this.#makeRoom();
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

  #makeRoom(): void {
    const [first, ...others] = this.#sessions;
    if (first === undefined) return;
    this.#dropOldest(...others.reduce((most, each) => (each[1].size > most[1].size ? each : most), first));
  }

  #dropOldest(party: string, own: ReadonlySet<string>): void {
    const [oldest] = own;
    if (oldest !== undefined) this.release(oldest, party);
  }
}
