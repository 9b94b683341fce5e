import type { Records } from "@parley/storage";

/** Records that several nodes share. Each node has all of them in memory, and learns of every change. */
export interface LiveRecords<T> {
  /** The present records. */
  load(): Iterable<T>;
  /** Sets the listener for changes by other nodes; the record is `undefined` if it was removed. */
  onChange(listener: (key: string, record: T | undefined) => void): void;
  /**
   * Changes a record from what it is at that moment. Resolves when the change is durable, to the record as it is then.
   *
   * @param change returns the new record, or `undefined` to leave it as it is. Called again if another node has changed the record.
   * @throws StorageError `storage_failed`
   */
  update(key: string, change: (present: T | undefined) => T | undefined): Promise<T | undefined>;
  /** Waits for the changes that other nodes have stored. @throws StorageError `storage_failed` */
  catchUp(): Promise<void>;
  /**
   * Resolves when the removal is durable.
   *
   * @throws StorageError `storage_failed`
   */
  remove(key: string): Promise<void>;
}

/**
 * Records as {@link LiveRecords}. Those that one node has alone change with it only.
 *
 * @param find the present record of a key, pending changes included.
 */
export function liveRecords<T>(records: Records<T> | LiveRecords<T>, find: (key: string) => T | undefined): LiveRecords<T> {
  if ("update" in records) return records;
  return {
    load: () => records.load(),
    onChange: () => undefined,
    update: async (key, change) => {
      const present = find(key);
      const changed = change(present);
      if (changed === undefined) return present;
      await records.put(key, changed);
      return changed;
    },
    catchUp: () => Promise.resolve(),
    remove: (key) => records.remove(key),
  };
}
