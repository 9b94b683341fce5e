import { deferred, type Deferred } from "@parley/core/internal";
import { StorageError } from "./storage-error.ts";
import type { Table, Write } from "./table.ts";

/** Makes writes durable, all of them or none. */
export type Commit = (writes: readonly Write[]) => Promise<void>;

/**
 * Group commit: what is queued while a commit is under way goes into the next one, so that any number of concurrent writers share
 * one flush of the disk. Writes queued between two calls of {@link WriteQueue.flush} are committed together, or none of them is.
 */
export class WriteQueue {
  readonly #commit: Commit;
  readonly #beforeCommit: (() => void)[] = [];
  #writes: Write[] = [];
  #group: Deferred<void> | undefined;
  #running: Promise<void> | undefined;
  /** A caller waits for the group without `patienceMs`. */
  #urgent = false;
  #patience: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#writes.push({ table, key, value });
  }

  remove(table: Table, key: Uint8Array): void {
    this.#writes.push({ table, key });
  }

  /** Runs right before each commit; what the listener queues is part of it. */
  onBeforeCommit(listener: () => void): void {
    this.#beforeCommit.push(listener);
  }

  /**
   * Resolves once everything queued so far is durable.
   *
   * @param patienceMs how long a commit may be put off in the hope of one that others need anyway.
   * @throws StorageError `storage_failed`: nothing that shared the commit has been stored.
   */
  flush(patienceMs = 0): Promise<void> {
    if (this.#closed) {
      this.#writes = [];
      return Promise.reject(new StorageError("storage_failed", "The storage is closed"));
    }
    if (this.#writes.length === 0) return this.#group?.promise ?? this.#running ?? Promise.resolve();
    this.#group ??= deferred();
    const { promise } = this.#group;
    if (patienceMs === 0) this.#hurry();
    else this.#patience ??= setTimeout(() => this.#hurry(), patienceMs);
    return promise;
  }

  /** Commits what is queued and refuses everything after. Resolves when no commit is running. */
  async close(): Promise<void> {
    const last = this.flush();
    this.#closed = true;
    await last.catch(() => undefined);
  }

  #take(): readonly Write[] {
    try {
      for (const listener of this.#beforeCommit) listener();
      return this.#writes;
    } finally {
      this.#writes = [];
    }
  }

  #hurry(): void {
    if (this.#urgent) return;
    this.#urgent = true;
    if (this.#running === undefined) setImmediate(() => this.#start());
  }

  #start(): void {
    const group = this.#group;
    if (group === undefined || this.#running !== undefined || !this.#urgent) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#urgent = false;
    this.#group = undefined;
    this.#running = group.promise;
    void this.#run(group);
  }

  async #run(group: Deferred<void>): Promise<void> {
    try {
      await this.#commit(this.#take());
      group.resolve();
    } catch (error) {
      group.reject(error instanceof StorageError ? error : new StorageError("storage_failed", "A write failed", { cause: error }));
    }
    this.#running = undefined;
    // The next commit begins before those who waited for this one run: disk and program take turns side by side.
    this.#start();
  }
}
