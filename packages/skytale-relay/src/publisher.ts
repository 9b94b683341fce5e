import type { ParleyError } from "@parley/core";
import { backoffMs, ChurnMap } from "@parley/core/internal";
import { Code } from "../gen/skytale/relay/v1/relay_pb.js";
import { EpochTakenError, RelayError, type RelayErrorCode } from "./relay-error.ts";
import type { PublishBatch } from "./wire/client-frame.ts";
import type { PublishAck, PublishNack } from "./wire/server-frame.ts";

/** Limits on messages that are not yet recorded. */
export interface PublisherLimits {
  /** Messages in flight: sent and not yet acknowledged. */
  readonly maxInFlight: number;
  /** Bytes of the messages in flight. */
  readonly maxInFlightBytes: number;
  /** Messages not yet recorded, in flight or queued. */
  readonly maxQueued: number;
  /** Bytes of the messages not yet recorded. */
  readonly maxQueuedBytes: number;
}

/** The relay's acknowledgement of a recorded message. */
export interface Published {
  /** Its sequence number in the channel's log. */
  readonly sequence: number;
  /**
   * The epoch of the log at this sequence or later, as claimed by the senders of commits. A sender that has not read that far can tell from
   * it whether members can still decrypt the message. Missing if the relay does not report it.
   */
  readonly logEpoch?: bigint;
  /** A message with the same key was recorded before. The recorded bytes may differ from the published ones. */
  readonly isRepeated?: boolean;
}

interface Pending {
  readonly channel: string;
  /** Encoded. */
  readonly message: Uint8Array;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
  settled: boolean;
}

/** Largest number of messages collected at once. */
const MAX_BATCH = 2048;
const RETRY_BACKOFF = { initialMs: 50, maxMs: 5000 };

/** Final error codes of nacks. Nacks with other codes are retried. */
const ERROR_OF: Partial<Record<Code, RelayErrorCode>> = {
  [Code.INVALID_ARGUMENT]: "invalid_argument",
  [Code.PERMISSION_DENIED]: "permission_denied",
};

/**
 * The queue of messages that are not yet recorded. A message stays until its final acknowledgement or until its caller aborts. After a loss
 * of the link, messages in flight are sent again, in order and with their keys, so that the relay detects duplicates.
 */
export class Publisher {
  readonly #limits: PublisherLimits;
  readonly #onWork: () => void;
  #queue: Pending[] = [];
  #head = 0;
  /** By number, in the order in which they were sent. */
  #inFlight = new ChurnMap<number, Pending>();
  #inFlightBytes = 0;
  #nextNumber = 1;
  readonly #delayed = new Map<Pending, NodeJS.Timeout>();
  #count = 0;
  #bytes = 0;

  /** @param onWork called when there are messages to collect. Schedules a frame of the link, which calls {@link Publisher.collect}. */
  constructor(limits: PublisherLimits, onWork: () => void) {
    this.#limits = limits;
    this.#onWork = onWork;
  }

  /** @throws RelayError; the signal's reason when aborted. */
  publish(channel: string, message: Uint8Array, signal: AbortSignal | undefined): Promise<Published> {
    if (this.#count >= this.#limits.maxQueued || this.#bytes + message.length > this.#limits.maxQueuedBytes) {
      return Promise.reject(new RelayError("resource_exhausted", "The publish queue is full"));
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#drop(pending, signal?.reason);
      const pending: Pending = {
        channel,
        message,
        resolve: signal === undefined ? resolve : (published) => (signal.removeEventListener("abort", abort), resolve(published)),
        reject: signal === undefined ? reject : (error) => (signal.removeEventListener("abort", abort), reject(error)),
        attempts: 0,
        settled: false,
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#count++;
      this.#bytes += message.length;
      this.#queue.push(pending);
      this.#onWork();
    });
  }

  /** Returns the next messages in one batch per channel, up to about `maxBytes` and within the in-flight limits. */
  collect(maxBytes: number): PublishBatch[] {
    const byChannel = new Map<string, Pending[]>();
    let bytes = 0;
    let count = 0;
    while (this.#head < this.#queue.length && bytes < maxBytes && count < MAX_BATCH) {
      if (this.#inFlight.size + count >= this.#limits.maxInFlight || this.#inFlightBytes + bytes >= this.#limits.maxInFlightBytes) break;
      const pending = this.#queue[this.#head++] as Pending;
      if (pending.settled) continue;
      const batch = byChannel.get(pending.channel);
      if (batch === undefined) byChannel.set(pending.channel, [pending]);
      else batch.push(pending);
      bytes += pending.message.length;
      count++;
    }
    this.#compact();
    this.#inFlightBytes += bytes;
    return Array.from(byChannel, ([channel, batch]) => this.#number(channel, batch));
  }

  /** @throws RelayError `protocol_error` */
  acked({ firstNumber, count, firstSequence, logEpoch, repeated }: PublishAck): void {
    if (count > this.#inFlight.size) throw new RelayError("protocol_error", "The relay acknowledged more than was sent");
    const more = { ...(logEpoch !== 0n && { logEpoch }), ...(repeated && { isRepeated: true }) };
    for (let index = 0; index < count; index++) {
      const pending = this.#answered(firstNumber + index);
      if (this.#settle(pending)) pending.resolve({ sequence: firstSequence === 0 ? 0 : firstSequence + index, ...more });
    }
    this.#onWork();
  }

  /** @throws RelayError `protocol_error` */
  nacked({ number, code, winner, currentEpoch }: PublishNack): void {
    const pending = this.#answered(number);
    this.#onWork();
    if (pending.settled) return;
    if (code === Code.EPOCH_TAKEN) return this.#drop(pending, new EpochTakenError(winner, currentEpoch));
    const final = ERROR_OF[code];
    if (final !== undefined) return this.#drop(pending, new RelayError(final, "The relay rejected the message"));
    const timer = setTimeout(() => this.#retry(pending), backoffMs(++pending.attempts, RETRY_BACKOFF));
    this.#delayed.set(pending, timer);
  }

  /** Called when the link is lost: messages in flight return to the head of the queue. */
  linkLost(): void {
    this.#queue = [...this.#inFlight.values(), ...this.#queue.slice(this.#head)].filter(({ settled }) => !settled);
    this.#head = 0;
    this.#inFlight = new ChurnMap();
    this.#inFlightBytes = 0;
    this.#nextNumber = 1;
  }

  /** Rejects all messages. */
  fail(error: ParleyError): void {
    const all = [...this.#inFlight.values(), ...this.#queue.slice(this.#head), ...this.#delayed.keys()];
    this.linkLost();
    this.#queue = [];
    for (const pending of all) this.#drop(pending, error);
  }

  #number(channel: string, batch: readonly Pending[]): PublishBatch {
    const firstNumber = this.#nextNumber;
    for (const pending of batch) this.#inFlight.set(this.#nextNumber++, pending);
    return { channel, firstNumber, messages: batch.map(({ message }) => message) };
  }

  #answered(number: number): Pending {
    const pending = this.#inFlight.get(number);
    if (pending === undefined) throw new RelayError("protocol_error", "The relay acknowledged an unknown message");
    this.#inFlight.delete(number);
    this.#inFlightBytes -= pending.message.length;
    return pending;
  }

  #retry(pending: Pending): void {
    this.#delayed.delete(pending);
    this.#queue.splice(this.#head, 0, pending);
    this.#onWork();
  }

  #drop(pending: Pending, reason: unknown): void {
    if (this.#settle(pending)) pending.reject(reason);
  }

  /** Returns false if the message was settled before. */
  #settle(pending: Pending): boolean {
    if (pending.settled) return false;
    pending.settled = true;
    this.#count--;
    this.#bytes -= pending.message.length;
    clearTimeout(this.#delayed.get(pending));
    this.#delayed.delete(pending);
    return true;
  }

  #compact(): void {
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
