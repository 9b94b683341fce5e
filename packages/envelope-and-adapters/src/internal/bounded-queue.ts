/** Limits of a buffer. Whichever is reached first applies. */
export interface BufferLimits {
  /** Messages. Default 1024. */
  readonly maxBuffered?: number;
  /** Bytes of their payloads. A single message of any size fits. Default 16777216 (16 MiB). */
  readonly maxBufferedBytes?: number;
}

/** A queue with limits, which callers check with {@link BoundedQueue.isFull}. */
export class BoundedQueue<T> {
  #entries: { readonly item: T; readonly bytes: number }[] = [];
  /** Includes leased items. */
  #bytes = 0;
  #leased = 0;
  readonly #maxItems: number;
  readonly #maxBytes: number;

  constructor({ maxBuffered = 1024, maxBufferedBytes = 16_777_216 }: BufferLimits) {
    this.#maxItems = maxBuffered;
    this.#maxBytes = maxBufferedBytes;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whether an item of this size exceeds the limits. Any item fits an empty queue without leased items. */
  isFull(bytes: number): boolean {
    const taken = this.size + this.#leased;
    return taken > 0 && (taken >= this.#maxItems || this.#bytes + bytes > this.#maxBytes);
  }

  push(item: T, bytes: number): void {
    this.#entries.push({ item, bytes });
    this.#bytes += bytes;
  }

  shift(): T | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    this.#bytes -= entry.bytes;
    return entry.item;
  }

  /** Removes the first item, but keeps its capacity allocated until {@link BoundedQueue.release}. */
  lease(): T | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    this.#leased++;
    return entry.item;
  }

  /** Frees the capacity of a leased item of this size. */
  release(bytes: number): void {
    this.#leased--;
    this.#bytes -= bytes;
  }

  /** Removes all items. Capacity of leased items stays allocated. */
  clear(): T[] {
    const items = this.#entries.map(({ item }) => item);
    for (const { bytes } of this.#entries) this.#bytes -= bytes;
    this.#entries = [];
    return items;
  }
}
