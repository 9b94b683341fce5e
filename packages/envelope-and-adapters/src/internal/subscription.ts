import { deferred, type Deferred } from "@parley/core/internal";
import { BoundedQueue, type BufferLimits } from "./bounded-queue.ts";
import type { Delivery } from "./delivery.ts";
import type { ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import type { Protocol } from "../protocol.ts";

type Result = IteratorResult<ReceivedEnvelope, undefined>;
const DONE: Result = { done: true, value: undefined };

/** An envelope, and who is to be told what became of it. */
interface Entry {
  readonly received: ReceivedEnvelope;
  readonly delivery: Delivery<Subscription>;
}

/** One subscriber's bounded buffer, which is the iterator that the subscriber holds. */
export class Subscription implements AsyncIterableIterator<ReceivedEnvelope, undefined> {
  readonly #protocol: Protocol | undefined;
  readonly #overflow: "wait" | "drop-oldest";
  readonly #isManual: boolean;
  readonly #buffer: BoundedQueue<Entry>;
  readonly #onGone: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#leave();
  /** Given out to be settled by hand, and not settled yet; in order. */
  readonly #unsettled = new Set<Entry>();
  #missed = 0;
  #reader: Deferred<Result> | undefined;
  /** Those who wait for room, first come first served. */
  #writers: Deferred<void>[] = [];
  #outcome: { readonly error?: unknown } | undefined;
  /** The subscriber has gone, rather than the port. */
  #hasLeft = false;

  /** @throws TypeError for options that exclude each other */
  constructor(options: ReceiveOptions, limits: BufferLimits, onGone: () => void) {
    this.#protocol = options.protocol;
    this.#overflow = options.overflow ?? "wait";
    this.#isManual = options.settle === "manual";
    if (this.#isManual && this.#overflow === "drop-oldest") {
      throw new TypeError('settle: "manual" and overflow: "drop-oldest" exclude each other: what is to be settled is not dropped');
    }
    this.#buffer = new BoundedQueue(limits);
    this.#onGone = onGone;
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) this.#outcome = {};
    else this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  wants(protocol: Protocol): boolean {
    return this.#protocol === undefined || this.#protocol === protocol;
  }

  /** Resolves once the envelope is in the buffer, or the subscription is over. */
  async push(entry: Entry): Promise<void> {
    const size = sizeOf(entry);
    while (this.#overflow === "wait" && this.#buffer.isFull(size) && this.#outcome === undefined) {
      const turn = deferred<void>();
      this.#writers.push(turn);
      await turn.promise;
    }
    if (this.#outcome !== undefined) return this.#letGo(entry);
    for (let oldest: Entry | undefined; this.#buffer.isFull(size) && (oldest = this.#buffer.shift()) !== undefined;) {
      void oldest.delivery.settle(this);
      this.#missed += 1;
    }
    this.#buffer.push(entry, size);
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    reader.resolve(this.#take() ?? DONE);
  }

  /** The port has ended. What is buffered is still given out, or left at once. */
  finish(outcome: { readonly error?: unknown }, buffered: "give-out" | "leave" = "give-out"): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#wakeWriters();
    if (buffered === "leave") this.#empty();
    if (this.#reader === undefined) return;
    this.#empty();
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
    const result = this.#take();
    if (result !== undefined) return result;
    if (this.#outcome !== undefined) {
      const outcome = this.#outcome;
      this.#outcome = {};
      this.#empty();
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
    this.#hasLeft = true;
    this.#onGone();
    this.#empty();
    if (this.#outcome !== undefined) this.#outcome = {};
    this.finish({});
  }

  /** Nothing is given out any more. */
  #empty(): void {
    const unsettled = [...this.#unsettled];
    this.#unsettled.clear();
    for (const entry of unsettled) {
      this.#buffer.free(sizeOf(entry));
      entry.delivery.leave(this);
    }
    for (const entry of this.#buffer.clear()) this.#letGo(entry);
  }

  /** What doesn't reach a subscriber who has gone by itself is let go; what it must settle, or the port's end has kept from it, is not. */
  #letGo({ delivery }: Entry): void {
    if (this.#hasLeft && !this.#isManual) void delivery.settle(this);
    else delivery.leave(this);
  }

  /** The next one, as it is given out. */
  #take(): Result | undefined {
    const entry = this.#isManual ? this.#buffer.lend() : this.#buffer.shift();
    if (entry === undefined) return undefined;
    if (this.#isManual) return { done: false, value: this.#settleable(entry) };
    this.#wakeWriters();
    void entry.delivery.settle(this);
    return { done: false, value: this.#counted(entry.received) };
  }

  #settleable(entry: Entry): ReceivedEnvelope {
    this.#unsettled.add(entry);
    const settle = (): Promise<void> => {
      if (this.#unsettled.delete(entry)) {
        this.#buffer.free(sizeOf(entry));
        this.#wakeWriters();
      }
      return entry.delivery.settle(this);
    };
    return { ...entry.received, settle };
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

function sizeOf({ received }: Entry): number {
  return received.envelope.payload.length;
}
