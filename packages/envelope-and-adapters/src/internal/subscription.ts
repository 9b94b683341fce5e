import { deferred, type Deferred } from "@parley/core/internal";
import { BoundedQueue, type BufferLimits } from "./bounded-queue.ts";
import type { ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import type { Protocol } from "../protocol.ts";

type Result = IteratorResult<ReceivedEnvelope, undefined>;
const DONE: Result = { done: true, value: undefined };

/** One subscriber's bounded buffer, which is the iterator that the subscriber holds. */
export class Subscription implements AsyncIterableIterator<ReceivedEnvelope, undefined> {
  readonly #protocol: Protocol | undefined;
  readonly #overflow: "wait" | "drop-oldest";
  readonly #buffer: BoundedQueue<ReceivedEnvelope>;
  readonly #onGone: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#leave();
  #missed = 0;
  #reader: Deferred<Result> | undefined;
  /** Those who wait for room, first come first served. */
  #writers: Deferred<void>[] = [];
  #outcome: { readonly error?: unknown } | undefined;

  constructor(options: ReceiveOptions, limits: BufferLimits, onGone: () => void) {
    this.#protocol = options.protocol;
    this.#overflow = options.overflow ?? "wait";
    this.#buffer = new BoundedQueue(limits);
    this.#onGone = onGone;
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) this.#outcome = {};
    else this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  wants(protocol: Protocol): boolean {
    return this.#protocol === undefined || this.#protocol === protocol;
  }

  async push(received: ReceivedEnvelope): Promise<void> {
    const size = received.envelope.payload.length;
    while (this.#overflow === "wait" && this.#buffer.isFull(size) && this.#outcome === undefined) {
      const turn = deferred<void>();
      this.#writers.push(turn);
      await turn.promise;
    }
    if (this.#outcome !== undefined) return;
    while (this.#buffer.isFull(size)) {
      this.#buffer.shift();
      this.#missed += 1;
    }
    if (this.#reader === undefined) {
      this.#buffer.push(received, size);
    } else {
      this.#reader.resolve({ done: false, value: received });
      this.#reader = undefined;
    }
  }

  /** The port has ended. What is buffered is still given out. */
  finish(outcome: { readonly error?: unknown }): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#wakeWriters();
    if (this.#reader === undefined) return;
    if ("error" in outcome) {
      this.#reader.reject(outcome.error);
      this.#outcome = {};
    } else {
      this.#reader.resolve(DONE);
    }
    this.#reader = undefined;
  }

  async next(): Promise<Result> {
    if (this.#reader !== undefined) throw new TypeError("A subscription is read by one reader, which is waiting already");
    const received = this.#buffer.shift();
    if (received !== undefined) {
      this.#wakeWriters();
      return { done: false, value: this.#counted(received) };
    }
    if (this.#outcome !== undefined) {
      const outcome = this.#outcome;
      this.#outcome = {};
      if ("error" in outcome) throw outcome.error;
      return DONE;
    }
    this.#reader = deferred();
    return this.#reader.promise;
  }

  async return(): Promise<Result> {
    this.#leave();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #leave(): void {
    this.#buffer.clear();
    this.#onGone();
    if (this.#outcome !== undefined) this.#outcome = {};
    this.finish({});
  }

  #counted(received: ReceivedEnvelope): ReceivedEnvelope {
    if (this.#missed === 0) return received;
    const missed = this.#missed;
    this.#missed = 0;
    return { ...received, missed };
  }

  #wakeWriters(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) writer.resolve();
  }
}
