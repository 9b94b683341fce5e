/** How long somebody who was added counts as new, in milliseconds. Who has the welcome changes their keys long before. */
const NEW_FOR_MS = 600_000;
const MAX_NEWCOMERS = 10_000;

/**
 * Members that were added while this agent looked on, and haven't done anything since that shows they are there: one of them may be without
 * its welcome, because whoever had it has died.
 */
export class RecentlyAddedMembers {
  readonly #addedAt = new Map<string, number>();

  /** A commit was made, which has added some. */
  committed(by: Uint8Array, added: readonly Uint8Array[]): void {
    this.#addedAt.delete(nameOf(by));
    if (this.#addedAt.size + added.length > MAX_NEWCOMERS) this.#addedAt.clear();
    for (const key of added) this.#addedAt.set(nameOf(key), performance.now());
  }

  /** Whether a member may be without its welcome, by its signature key. */
  has(key: Uint8Array): boolean {
    const addedAt = this.#addedAt.get(nameOf(key));
    return addedAt !== undefined && performance.now() - addedAt < NEW_FOR_MS;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}
