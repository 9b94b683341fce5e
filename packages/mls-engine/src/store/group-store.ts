/**
 * Where an engine keeps keys and groups: partitions (one for the engine, one for each group) of small rows, written in atomic batches.
 *
 * The engine holds the rows it needs in memory; a store is read when a partition is opened and written from then on. A store belongs to
 * one engine at a time.
 */
export interface GroupStore extends AsyncDisposable {
  /** Names of the partitions that hold something. */
  partitions(): Promise<readonly string[]>;
  /**
   * Opens a partition, creating an empty one when absent. Each may be open once.
   *
   * @throws StoreError `damaged`, `closed`, `failed`
   */
  open(name: string): Promise<Partition>;
  /** Removes a partition with everything in it. It must not be open. Resolves when that is durable. */
  remove(name: string): Promise<void>;
  /** Makes everything durable that was written, and frees the store. Keys stay. Idempotent. */
  close(): Promise<void>;
}

/** One change of a partition; without a value the row is removed. */
export interface Change {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  /**
   * The value is no secret (nodes of a ratchet tree, for example): what it replaces need not be erased from the disk at the next
   * {@link Partition.compact}.
   */
  readonly isPublic?: boolean;
}

/** Rows of one group, or of the engine. */
export interface Partition {
  /** The rows as they were when the partition was opened, and as they have been written since. */
  get(key: string): Uint8Array | undefined;
  keys(prefix?: string): Iterable<string>;
  /**
   * Writes a batch: all of it or nothing, after every batch before it.
   *
   * @param durability `"durable"`: resolves once it is on disk (concurrent batches share a flush). `"soon"`: resolves at once; on disk
   *   with the next durable batch, or within a stated time; a crash may lose it, but only together with every batch after it.
   * @throws StoreError `failed` (nothing of this batch, nor of any after it, is stored: the partition refuses everything from then on),
   *   `closed`
   */
  write(changes: readonly Change[], durability: "durable" | "soon"): Promise<void>;
  /** Rewrites what is on disk so that no secret that was replaced or removed is left in it. Resolves when that is durable. */
  compact(): Promise<void>;
  /** Makes everything durable and frees the partition. */
  close(): Promise<void>;
}
