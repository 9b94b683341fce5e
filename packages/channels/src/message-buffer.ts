import { deferred, type Deferred } from "@parley/core/internal";
import { waitMs } from "./seconds.ts";

/** Caps on what waits to be received on one channel. Whichever is reached first counts. */
export interface BufferOptions {
  /** Messages. Default 1,024. */
  readonly maxBuffered?: number;
  /** Bytes of them. One message is buffered however large it is. Default 16,777,216 (16 MiB). */
  readonly maxBufferedBytes?: number;
  /**
   * What happens when the buffer is full. `"wait"` (the default) loses nothing: the channel is read on once there is room, and what its
   * log holds waits on the relay. `"drop-oldest"` never waits; what is dropped is counted, and reported.
   */
  readonly overflow?: "wait" | "drop-oldest";
}

/** How long to wait for messages. */
export interface ReceiveWait {
  /** Longest wait for a first message, in seconds. Default 5; 0 takes what is there. */
  readonly timeout?: number;
  /** Stops waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT = 5;

/** Messages that arrive by themselves and are taken all at once. */
export class MessageBuffer<T> {
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #overflow: "wait" | "drop-oldest";
  readonly #onDrop: () => void;
  #items: { readonly item: T; readonly bytes: number }[] = [];
  #bytes = 0;
  /** Who waits for room, and who waits for messages. */
  #writers: Deferred<void>[] = [];
  #readers: Deferred<void>[] = [];
  #end: { readonly error: Error } | undefined;

  /** @throws TypeError */
  constructor({ maxBuffered = 1024, maxBufferedBytes = 16_777_216, overflow = "wait" }: BufferOptions, onDrop: () => void) {
    if (!(maxBuffered >= 1)) throw new TypeError("maxBuffered must be a number from 1 on");
    if (!(maxBufferedBytes >= 1)) throw new TypeError("maxBufferedBytes must be a number from 1 on");
    if (overflow !== "wait" && overflow !== "drop-oldest") throw new TypeError('overflow must be "wait" or "drop-oldest"');
    this.#maxItems = maxBuffered;
    this.#maxBytes = maxBufferedBytes;
    this.#overflow = overflow;
    this.#onDrop = onDrop;
  }

  /** Adds a message; resolves once it has its place, or the buffer has ended. One call at a time. */
  async push(item: T, bytes: number): Promise<void> {
    while (this.#overflow === "wait" && this.#isFull(bytes) && this.#end === undefined) await waitIn(this.#writers);
    if (this.#end !== undefined) return;
    while (this.#isFull(bytes)) {
      this.#bytes -= this.#items.shift()?.bytes ?? 0;
      this.#onDrop();
    }
    this.#items.push({ item, bytes });
    this.#bytes += bytes;
    wake(this.#readers);
  }

  /**
   * Takes all that is there; waits for a first one if nothing is. Empty after the timeout. Of several who wait, one gets what comes.
   *
   * @throws what the buffer was ended with, once all has been taken; the signal's reason; TypeError
   */
  async take({ timeout = DEFAULT_TIMEOUT, signal }: ReceiveWait = {}): Promise<T[]> {
    const until = performance.now() + waitMs(timeout);
    signal?.throwIfAborted();
    while (this.#items.length === 0) {
      if (this.#end !== undefined) throw this.#end.error;
      const left = until - performance.now();
      if (left <= 0) return [];
      await this.#arrival(left, signal);
    }
    const items = this.#items.map(({ item }) => item);
    this.#items = [];
    this.#bytes = 0;
    wake(this.#writers);
    return items;
  }

  /** Nothing comes any more. What is there can still be taken. */
  end(error: Error): void {
    this.#end ??= { error };
    wake(this.#writers);
    wake(this.#readers);
  }

  /** An empty buffer has room for any message. */
  #isFull(bytes: number): boolean {
    return this.#items.length > 0 && (this.#items.length >= this.#maxItems || this.#bytes + bytes > this.#maxBytes);
  }

  async #arrival(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const arrival = deferred<void>();
    const abort = (): void => arrival.reject(signal?.reason);
    const timer = setTimeout(arrival.resolve, timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    this.#readers.push(arrival);
    try {
      await arrival.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#readers = this.#readers.filter((reader) => reader !== arrival);
    }
  }
}

async function waitIn(queue: Deferred<void>[]): Promise<void> {
  const turn = deferred<void>();
  queue.push(turn);
  await turn.promise;
}

function wake(queue: Deferred<void>[]): void {
  for (const waiting of queue.splice(0)) waiting.resolve();
}
