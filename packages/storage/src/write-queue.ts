import { deferred, type Deferred } from "@parley/core/internal";
import { StorageError } from "./storage-error.ts";
import type { Table, Write, WriteBatch } from "./table.ts";

/** Makes writes durable, all of them or none. */
export type Commit = (writes: readonly Write[]) => Promise<void>;

/**
 * Group commit: writes that are queued while a commit runs form the next one, so that any number of concurrent writers share one flush of the
 * disk. Writes queued between two calls of {@link WriteQueue.flush} are committed together or not at all.
 */
export class WriteQueue implements WriteBatch {
  readonly #commit: Commit;
  readonly #beforeCommit: (() => void)[] = [];
  readonly #afterCommit: ((ms: number) => void)[] = [];
  #writes: Write[] = [];
  #group: Deferred<void> | undefined;
  #running: Promise<void> | undefined;
  /** Whether a caller waits for the group without `patienceMs`. */
  #urgent = false;
  #patience: NodeJS.Timeout | undefined;
  #isAnnounced = false;
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

  /** Registers a listener that runs before each commit. Writes that it queues are part of that commit. */
  onBeforeCommit(listener: () => void): void {
    this.#beforeCommit.push(listener);
  }

  /** Registers a listener for the duration of each commit that succeeded, in milliseconds. It must not throw. */
  onCommitted(listener: (ms: number) => void): void {
    this.#afterCommit.push(listener);
  }

  /** A listener of {@link WriteQueue.onBeforeCommit} has something to write: the next flush starts a commit even if nothing is queued yet. */
  announce(): void {
    this.#isAnnounced = true;
  }

  /**
   * Resolves once all writes queued so far are durable.
   *
   * @param patienceMs how long the commit may be delayed, to be shared with the commit of another caller.
   * @throws StorageError `storage_failed`: no write of the commit was stored.
   */
  flush(patienceMs = 0): Promise<void> {
    if (this.#closed) {
      this.#writes = [];
      return Promise.reject(new StorageError("storage_failed", "The storage is closed"));
    }
    if (this.#writes.length === 0 && !this.#isAnnounced) return this.#group?.promise ?? this.#running ?? Promise.resolve();
    this.#group ??= deferred();
    const { promise } = this.#group;
    if (patienceMs === 0) this.#hurry();
    else this.#patience ??= setTimeout(() => this.#hurry(), patienceMs);
    return promise;
  }

  /** Like {@link WriteQueue.flush}, but starts now if no commit runs: for a caller that has gathered the writes of several others itself. */
  flushNow(): Promise<void> {
    const flushed = this.flush();
    this.#start();
    return flushed;
  }

  /** Commits queued writes and rejects later ones. Resolves when no commit is running. */
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
      this.#isAnnounced = false;
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
      const writes = this.#take();
      const startedAt = performance.now();
      await this.#commit(writes);
      const ms = performance.now() - startedAt;
      group.resolve();
      for (const listener of this.#afterCommit) listener(ms);
    } catch (error) {
      group.reject(error instanceof StorageError ? error : new StorageError("storage_failed", "A write failed", { cause: error }));
    }
    this.#running = undefined;
    // Starts the next commit before the waiting callers continue, so that they run while the disk works.
    this.#start();
  }
}
