import { deferred, type Deferred } from "@parley/core/internal";
import { BoundedQueue, type BufferLimits } from "./bounded-queue.ts";
import type { DeliveryState } from "./delivery-state.ts";
import type { ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import type { Protocol } from "../protocol.ts";

type Result = IteratorResult<ReceivedEnvelope, undefined>;
const DONE: Result = { done: true, value: undefined };

/** A buffered envelope and its delivery state. */
interface Entry {
  readonly received: ReceivedEnvelope;
  readonly delivery: DeliveryState<Subscription>;
}

/** The bounded buffer of one subscriber, which is also its iterator. */
export class Subscription implements AsyncIterableIterator<ReceivedEnvelope, undefined> {
  readonly #protocol: Protocol | undefined;
  readonly #overflow: "wait" | "drop-oldest";
  readonly #isManual: boolean;
  readonly #buffer: BoundedQueue<Entry>;
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#leave();
  /** Returned by the iteration, but not settled yet; in order. Empty unless settled manually. */
  readonly #unsettled = new Set<Entry>();
  #missed = 0;
  #reader: Deferred<Result> | undefined;
  /** Pushes that wait for capacity, in order. */
  #writers: Deferred<void>[] = [];
  #outcome: { readonly error?: unknown } | undefined;
  /** Whether the subscriber has ended the subscription, rather than the port. */
  #hasLeft = false;

  /** @throws TypeError the options exclude each other */
  constructor(options: ReceiveOptions, limits: BufferLimits, onEnd: () => void) {
    this.#protocol = options.protocol;
    this.#overflow = options.overflow ?? "wait";
    this.#isManual = options.settle === "manual";
    if (this.#isManual && this.#overflow === "drop-oldest") {
      throw new TypeError('settle: "manual" and overflow: "drop-oldest" exclude each other, because dropped envelopes cannot be settled');
    }
    this.#buffer = new BoundedQueue(limits);
    this.#onEnd = onEnd;
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) this.#outcome = {};
    else this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  wants(protocol: Protocol): boolean {
    return this.#protocol === undefined || this.#protocol === protocol;
  }

  /** Resolves once the envelope is in the buffer, or the subscription has ended. */
  async push(entry: Entry): Promise<void> {
    const size = sizeOf(entry);
    while (this.#overflow === "wait" && this.#buffer.isFull(size) && this.#outcome === undefined) {
      const writer = deferred<void>();
      this.#writers.push(writer);
      await writer.promise;
    }
    if (this.#outcome !== undefined) return this.#discard(entry);
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

  /** Called when the port has ended. Buffered envelopes are still delivered, or left unsettled. */
  finish(outcome: { readonly error?: unknown }, buffered: "deliver" | "leave" = "deliver"): void {
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
    if (this.#reader !== undefined) throw new TypeError("A subscription has one reader at a time: another next() is pending");
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
    this.#onEnd();
    this.#empty();
    if (this.#outcome !== undefined) this.#outcome = {};
    this.finish({});
  }

  /** Discards the buffer and leaves unsettled envelopes. */
  #empty(): void {
    const unsettled = [...this.#unsettled];
    this.#unsettled.clear();
    for (const entry of unsettled) {
      this.#buffer.release(sizeOf(entry));
      entry.delivery.leave(this);
    }
    for (const entry of this.#buffer.clear()) this.#discard(entry);
  }

  /** Settles a buffered envelope of a subscriber that has ended; leaves it unsettled if settling is manual or the port has ended. */
  #discard({ delivery }: Entry): void {
    if (this.#hasLeft && !this.#isManual) void delivery.settle(this);
    else delivery.leave(this);
  }

  /** Removes the next envelope from the buffer. */
  #take(): Result | undefined {
    const entry = this.#isManual ? this.#buffer.lease() : this.#buffer.shift();
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
        this.#buffer.release(sizeOf(entry));
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
