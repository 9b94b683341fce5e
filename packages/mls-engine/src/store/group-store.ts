/**
 * The storage of an engine's keys and groups: partitions (one for the engine, one per group) of small rows, written in atomic batches.
 *
 * The rows of an open partition are held in memory: they are read from the disk when it is opened, and only written afterwards. A store
 * belongs to one engine at a time.
 */
export interface GroupStore extends AsyncDisposable {
  /**
   * The names of the existing partitions, in no particular order.
   *
   * @throws StoreError `closed`, `damaged`, `failed`
   */
  partitions(): Promise<readonly string[]>;
  /**
   * Opens a partition. A missing one is empty, and is created by the first write.
   *
   * @param name text of at most 1024 bytes in UTF-8; may be empty
   * @throws StoreError `damaged`, `format_unsupported`, `closed`, `failed`
   * @throws TypeError if the partition is already open
   */
  open(name: string): Promise<StorePartition>;
  /**
   * Removes a partition with all its rows. The removal is durable when the promise resolves. Does nothing if the partition is missing.
   *
   * @throws StoreError `closed`, `failed`
   * @throws TypeError if the partition is open
   */
  remove(name: string): Promise<void>;
  /**
   * Makes all writes durable, closes the partitions and releases the store. The stored keys stay. Idempotent.
   *
   * @throws StoreError `failed`. The store is released in that case too.
   */
  close(): Promise<void>;
}

/** A change of one row: a new value, or `undefined` to remove the row. */
export interface StoreChange {
  /** 1 to 1024 bytes in UTF-8. */
  readonly key: string;
  /** At most 64 MiB. The store copies it; the caller may erase the array after the call. */
  readonly value: Uint8Array | undefined;
  /**
   * Whether the value is public, such as a node of a ratchet tree. {@link StorePartition.compact} doesn't erase replaced public values from the
   * disk, which makes it faster. Default `false`.
   */
  readonly isPublic?: boolean;
}

/**
 * When the promise of a write resolves.
 *
 * - `durable`: when it and every earlier write are on disk. Concurrent writes share a flush.
 * - `soon`: immediately. It is on disk with the next durable write, or after a time that the store documents. A crash may lose it, but only
 *   together with all later writes.
 */
export type Durability = "durable" | "soon";

/** The rows of one group, or of the engine. */
export interface StorePartition {
  /**
   * Whether the partition existed when it was opened. An existing partition without the row that its owner wrote first is damaged. Default:
   * unknown.
   */
  readonly wasFound?: boolean;
  /**
   * Whether an unreadable end was cut off the partition since the last {@link StorePartition.acknowledgeCut}, at this opening or an earlier one.
   * The last writes may be missing: keys may have been used although the rows show them as unused. Default `false`.
   */
  readonly wasCut?: boolean;
  /** Resets {@link StorePartition.wasCut} durably. Called when the owner has replaced every key that may have been used. @throws StoreError */
  acknowledgeCut?(): Promise<void>;
  /**
   * A copy of a row's current value.
   *
   * @throws StoreError `closed`
   */
  get(key: string): Uint8Array | undefined;
  /**
   * The keys that start with a prefix, in ascending order of their UTF-16 code units.
   *
   * @throws StoreError `closed`
   */
  keys(prefix?: string): readonly string[];
  /**
   * Writes a batch atomically, and never without every earlier batch. {@link StorePartition.get} returns the new values immediately. If a batch
   * changes a key several times, the last change counts. An empty durable batch waits for the earlier ones.
   *
   * @throws StoreError `closed`; `failed`: it is unknown whether this batch and earlier non-durable ones are on disk. Their values stay
   *   readable, and the next flush writes them again.
   * @throws TypeError for an invalid key or value. Then nothing is written.
   */
  write(changes: readonly StoreChange[], durability: Durability): Promise<void>;
  /**
   * Makes all writes durable, and erases replaced and removed secrets from the disk. The cost is proportional to the secret rows, or zero if no
   * secret was replaced.
   *
   * @throws StoreError `closed`, `failed`
   */
  compact(): Promise<void>;
  /**
   * Makes all writes durable and closes the partition. It may be opened again afterwards. Idempotent.
   *
   * @throws StoreError `failed`. The partition is closed in that case too.
   */
  close(): Promise<void>;
}
