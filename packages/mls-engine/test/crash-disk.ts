import { StoreError, type Durability, type GroupStore, type StoreChange, type StorePartition } from "../src/index.ts";

type Rows = Map<string, Uint8Array>;
interface Logged {
  readonly changes: readonly StoreChange[];
}

/** What is left of a partition: rows that are on disk, and writes that may be. */
interface Disk {
  readonly rows: Rows;
  readonly unsynced: Logged[];
}

/** A disk that survives its process: writes that were not durable are lost to a crash, the last ones first. */
export class CrashDisk {
  readonly #disks = new Map<string, Disk>();
  #writesLeft = Number.POSITIVE_INFINITY;
  #lastIsWritten = false;
  #generation = 0;
  writes = 0;

  /** Makes a write fail after a number of successful ones, and all later writes. The failed write may or may not be on disk. */
  failAfter(writes: number, isWritten: boolean): void {
    this.#writesLeft = writes;
    this.#lastIsWritten = isWritten;
  }

  /** Ends the process: open stores stop working, and a random part of the non-durable writes is kept. */
  crash(choose: (below: number) => number): void {
    this.#generation++;
    this.#writesLeft = Number.POSITIVE_INFINITY;
    for (const disk of this.#disks.values()) {
      const kept = choose(disk.unsynced.length + 1);
      for (const { changes } of disk.unsynced.splice(0).slice(0, kept)) apply(disk.rows, changes);
    }
  }

  /** A store for a new process. */
  open(): GroupStore {
    const generation = this.#generation;
    const check = (): void => {
      if (generation !== this.#generation) throw new StoreError("failed", "This process is dead");
    };
    return {
      partitions: async () => {
        check();
        return [...this.#disks].filter(([, disk]) => seen(disk).size > 0).map(([name]) => name);
      },
      open: async (name) => {
        check();
        return this.#partition(name, check);
      },
      remove: async (name) => {
        check();
        this.#disks.delete(name);
      },
      close: async () => {
        check();
        for (const disk of this.#disks.values()) sync(disk);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #partition(name: string, check: () => void): StorePartition {
    const disk = this.#disks.get(name) ?? { rows: new Map(), unsynced: [] };
    this.#disks.set(name, disk);
    return {
      get: (key) => {
        check();
        return seen(disk).get(key)?.slice();
      },
      keys: (prefix = "") => {
        check();
        return [...seen(disk).keys()].filter((key) => key.startsWith(prefix)).toSorted();
      },
      write: async (changes, durability) => {
        check();
        this.#write(disk, copied(changes), durability);
      },
      compact: async () => {
        check();
        this.#write(disk, [], "durable");
      },
      close: async () => {
        check();
        sync(disk);
      },
    };
  }

  #write(disk: Disk, changes: readonly StoreChange[], durability: Durability): void {
    this.writes++;
    const fails = this.#writesLeft-- <= 0;
    if (!fails || this.#lastIsWritten) {
      disk.unsynced.push({ changes });
      if (durability === "durable") sync(disk);
    }
    if (!fails) return;
    this.#lastIsWritten = false;
    throw new StoreError("failed", "The disk has failed");
  }
}

function sync(disk: Disk): void {
  for (const { changes } of disk.unsynced.splice(0)) apply(disk.rows, changes);
}

function seen(disk: Disk): Rows {
  const rows = new Map(disk.rows);
  for (const { changes } of disk.unsynced) apply(rows, changes);
  return rows;
}

function apply(rows: Rows, changes: readonly StoreChange[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
  }
}

function copied(changes: readonly StoreChange[]): StoreChange[] {
  return changes.map((change) => ({ ...change, value: change.value?.slice() }));
}
