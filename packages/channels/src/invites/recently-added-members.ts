/** How long a member counts as recently added, in milliseconds. A member that has its Welcome updates its keys long before. */
const NEW_FOR_MS = 600_000;
const MAX_MEMBERS = 10_000;

/**
 * Members that were added while this agent was online and have committed nothing since. Such a member may lack its Welcome, if the member
 * that added it stopped before storing it.
 */
export class RecentlyAddedMembers {
  readonly #addedAt = new Map<string, number>();

  /** A commit was applied. @param by signature key of the committer. */
  committed(by: Uint8Array, added: readonly Uint8Array[]): void {
    this.#addedAt.delete(nameOf(by));
    if (this.#addedAt.size + added.length > MAX_MEMBERS) this.#addedAt.clear();
    for (const key of added) this.#addedAt.set(nameOf(key), performance.now());
  }

  /** Whether the member with this signature key may lack its Welcome. */
  has(key: Uint8Array): boolean {
    const addedAt = this.#addedAt.get(nameOf(key));
    return addedAt !== undefined && performance.now() - addedAt < NEW_FOR_MS;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}
