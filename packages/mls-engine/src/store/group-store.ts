/**
 * Where an engine keeps keys and groups: partitions (one for the engine, one for each group) of small rows, written in atomic batches.
 *
 * A store is read when a partition is opened and written from then on: the rows of an open partition are held in memory. A store belongs
 * to one engine at a time.
 */
export interface GroupStore extends AsyncDisposable {
  /**
   * Names of the partitions that were written and not removed, in no particular order.
   *
   * @throws StoreError `closed`, `damaged`, `failed`
   */
  partitions(): Promise<readonly string[]>;
  /**
   * Opens a partition; one that doesn't exist is empty, and comes into being with its first write.
   *
   * @param name any text of at most 1024 bytes in UTF-8, the empty one too.
   * @throws StoreError `damaged`, `format_unsupported`, `closed`, `failed`; TypeError when it is open already.
   */
  open(name: string): Promise<StorePartition>;
  /**
   * Removes a partition with everything in it. Resolves when that is durable, and at once when there is none.
   *
   * @throws StoreError `closed`, `failed`; TypeError when it is open.
   */
  remove(name: string): Promise<void>;
  /**
   * Makes everything durable that was written, closes the partitions and frees the store. Keys stay. Idempotent.
   *
   * @throws StoreError `failed` (the store is freed all the same)
   */
  close(): Promise<void>;
}

/** One change of a partition: a row with a new value or, when the value is `undefined`, without one any more. */
export interface StoreChange {
  /** 1 to 1024 bytes in UTF-8. */
  readonly key: string;
  /** At most 64 MiB. Copied: the array stays the caller's, who may erase it after the call. */
  readonly value: Uint8Array | undefined;
  /**
   * The value is no secret (a node of a ratchet tree, for example): what replaces it later need not erase it from the disk. Such rows cost
   * nothing at {@link StorePartition.compact}. Default `false`.
   */
  readonly isPublic?: boolean;
}

/**
 * When a write resolves.
 *
 * - `durable`: once it is on disk, and every write before it. Concurrent ones share a flush.
 * - `soon`: at once. On disk with the next durable write, or within a stated time. A crash may lose it, but only together with every
 *   write after it.
 */
export type Durability = "durable" | "soon";

/** Rows of one group, or of the engine. */
export interface StorePartition {
  /**
   * Whether the store held the partition when it was opened. A partition that was held and lacks the row that its owner wrote first is
   * damaged. Default: unknown.
   */
  readonly wasFound?: boolean;
  /**
   * Whether the end of what was written was unreadable and has been cut off, at this opening or an earlier one, since
   * {@link StorePartition.acknowledgeCut}. What was written last may be missing: keys may have been used that the rows show as unused.
   * Default `false`.
   */
  readonly wasCut?: boolean;
  /** Ends {@link StorePartition.wasCut}, durably: its owner has replaced every key that may have been used. @throws StoreError */
  acknowledgeCut?(): Promise<void>;
  /**
   * A copy of a row's value, as it was when the partition was opened or was written since.
   *
   * @throws StoreError `closed`
   */
  get(key: string): Uint8Array | undefined;
  /**
   * Keys that start with a prefix, in ascending order of their UTF-16 code units.
   *
   * @throws StoreError `closed`
   */
  keys(prefix?: string): readonly string[];
  /**
   * Writes a batch: all of it or nothing, and never without every batch before it. Rows show it at once. Of several changes of one key in
   * a batch, the last counts. An empty durable batch waits for those before it.
   *
   * @throws StoreError `failed` (rows show the batch all the same, and the next flush writes it too: with the next write, with closing, or
   *   within a stated time. Whether it is on disk until then is not known, and neither is it of others that were not durable), `closed`;
   *   TypeError for a key or value that no row can have: nothing of the batch is written.
   */
  write(changes: readonly StoreChange[], durability: Durability): Promise<void>;
  /**
   * Makes everything durable, and sees to it that no secret which was replaced or removed is left on disk. Costs nothing when there was
   * none, else as much as the secret rows.
   *
   * @throws StoreError `closed`, `failed`
   */
  compact(): Promise<void>;
  /**
   * Makes everything durable and frees the partition, which may be opened again then. Idempotent.
   *
   * @throws StoreError `failed` (the partition is freed all the same)
   */
  close(): Promise<void>;
}
