import type { Durability, GroupStore, StoreChange, StorePartition } from "./group-store.ts";
import { Rows } from "./rows.ts";
import { StoreError } from "./store-error.ts";
import { checkBatch, checkPartitionName } from "./store-limits.ts";

/**
 * Creates a store in memory, for tests and for groups that end with the process. Closing the store erases it. Partitions may be closed and
 * opened again while the store is open.
 */
export function memoryStore(): GroupStore {
  return new MemoryStore();
}

class MemoryStore implements GroupStore {
  readonly #partitions = new Map<string, Rows>();
  readonly #open = new Map<string, MemoryPartition>();
  #closed = false;

  async partitions(): Promise<readonly string[]> {
    this.#check();
    return Array.from(this.#partitions.keys());
  }

  async open(name: string): Promise<StorePartition> {
    this.#checkFree(name);
    const found = this.#partitions.get(name);
    const partition = new MemoryPartition(found ?? new Rows(), found !== undefined, {
      written: (rows) => this.#partitions.set(name, rows),
      closed: () => this.#open.delete(name),
    });
    this.#open.set(name, partition);
    return partition;
  }

  async remove(name: string): Promise<void> {
    this.#checkFree(name);
    this.#partitions.get(name)?.clear();
    this.#partitions.delete(name);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const partition of this.#open.values()) await partition.close();
    for (const rows of this.#partitions.values()) rows.clear();
    this.#partitions.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #check(): void {
    if (this.#closed) throw new StoreError("closed", "The store has been closed");
  }

  #checkFree(name: string): void {
    this.#check();
    checkPartitionName(name);
    if (this.#open.has(name)) throw new TypeError("The partition is already open");
  }
}

interface PartitionEvents {
  written(rows: Rows): void;
  closed(): void;
}

class MemoryPartition implements StorePartition {
  readonly wasFound: boolean;
  readonly #rows: Rows;
  readonly #events: PartitionEvents;
  #closed = false;

  constructor(rows: Rows, wasFound: boolean, events: PartitionEvents) {
    this.#rows = rows;
    this.wasFound = wasFound;
    this.#events = events;
  }

  get(key: string): Uint8Array | undefined {
    this.#check();
    return this.#rows.get(key);
  }

  keys(prefix?: string): readonly string[] {
    this.#check();
    return this.#rows.keys(prefix);
  }

  async write(changes: readonly StoreChange[], durability: Durability): Promise<void> {
    this.#check();
    checkBatch(changes, durability);
    if (changes.length === 0) return;
    this.#rows.apply(changes);
    this.#events.written(this.#rows);
  }

  async compact(): Promise<void> {
    this.#check();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.closed();
  }

  #check(): void {
    if (this.#closed) throw new StoreError("closed", "The partition has been closed");
  }
}
