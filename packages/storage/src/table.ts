/** A named table of an environment: maps bytes to bytes, ordered by key. */
export interface Table {
  /** Number of records, including damaged ones. */
  readonly size: number;
  /** Whether the key has a record, damaged or not. */
  has(key: Uint8Array): boolean;
  /** @throws StorageError `record_damaged` */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Iterates over the records from `start` up to, not including, `end`, in key order. Skips damaged records and reports their keys. */
  getRange(options: {
    start?: Uint8Array;
    end?: Uint8Array;
    limit?: number;
    onDamaged?: (key: Uint8Array) => void;
  }): Iterable<{ key: Uint8Array; value: Uint8Array }>;
  getKeys(options: { start?: Uint8Array; end?: Uint8Array; limit?: number }): Iterable<Uint8Array>;
  /** Moves a damaged record to the table `damaged`, with the next flush of `writes`. @returns the record as stored. */
  setAside(writes: WriteBatch, key: Uint8Array): Uint8Array | undefined;
}

/** Collects changes that are committed together. A `WriteQueue` is one. */
export interface WriteBatch {
  put(table: Table, key: Uint8Array, value: Uint8Array): void;
  remove(table: Table, key: Uint8Array): void;
}

/** One change of a table. Without a value, the key is removed. */
export interface Write {
  readonly table: Table;
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
}
