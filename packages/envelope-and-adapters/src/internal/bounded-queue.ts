/** Caps on what waits to be taken. Whichever is reached first counts. */
export interface BufferLimits {
  /** Messages. Default 1024. */
  readonly maxBuffered?: number;
  /** Bytes of their payloads. One message is buffered however large it is. Default 16777216 (16 MiB). */
  readonly maxBufferedBytes?: number;
}

/** A queue that knows when it is full. What happens then is for its owner to decide. */
export class BoundedQueue<T> {
  #entries: { readonly item: T; readonly bytes: number }[] = [];
  /** Of what is in the queue, and of what was lent from it. */
  #bytes = 0;
  #lent = 0;
  readonly #maxItems: number;
  readonly #maxBytes: number;

  constructor({ maxBuffered = 1024, maxBufferedBytes = 16_777_216 }: BufferLimits) {
    this.#maxItems = maxBuffered;
    this.#maxBytes = maxBufferedBytes;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whether an item of this size has no place. An empty queue, with nothing lent, has place for any. */
  isFull(bytes: number): boolean {
    const taken = this.size + this.#lent;
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

  /** Takes the first, whose place stays taken until it is given back with {@link BoundedQueue.free}. */
  lend(): T | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    this.#lent++;
    return entry.item;
  }

  /** The place of a lent item of this size is free again. */
  free(bytes: number): void {
    this.#lent--;
    this.#bytes -= bytes;
  }

  /** Empties the queue. What was lent keeps its place. */
  clear(): T[] {
    const items = this.#entries.map(({ item }) => item);
    for (const { bytes } of this.#entries) this.#bytes -= bytes;
    this.#entries = [];
    return items;
  }
}
