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
  #bytes = 0;
  readonly #maxItems: number;
  readonly #maxBytes: number;

  constructor({ maxBuffered = 1024, maxBufferedBytes = 16_777_216 }: BufferLimits) {
    this.#maxItems = maxBuffered;
    this.#maxBytes = maxBufferedBytes;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whether an item of this size has no place. An empty queue has place for any. */
  isFull(bytes: number): boolean {
    return this.size > 0 && (this.size >= this.#maxItems || this.#bytes + bytes > this.#maxBytes);
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

  clear(): T[] {
    const items = this.#entries.map(({ item }) => item);
    this.#entries = [];
    this.#bytes = 0;
    return items;
  }
}
