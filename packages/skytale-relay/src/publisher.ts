import type { ParleyError } from "@parley/core";
import { backoffMs, TransientMap } from "@parley/core/internal";
import { Code } from "../gen/skytale/relay/v1/relay_pb.js";
import { EpochTakenError, RelayError, type RelayErrorCode } from "./relay-error.ts";
import type { PublishBatch } from "./wire/client-frame.ts";
import type { PublishAck, PublishNack } from "./wire/server-frame.ts";

/** Caps of what waits to be recorded. */
export interface PublisherLimits {
  /** Messages that are sent but not answered. */
  readonly maxInFlight: number;
  /** Bytes of them. */
  readonly maxInFlightBytes: number;
  /** Messages that wait, sent or not. */
  readonly maxQueued: number;
  /** Bytes of them. */
  readonly maxQueuedBytes: number;
}

/** What the relay said of a message that it has recorded. */
export interface Published {
  /** Its place in the channel's log. */
  readonly sequence: number;
  /**
   * The epoch that the log is in there, or a later one, by what the senders of commits claim: who hasn't read that far knows by it whether
   * the message still has readers. Left out by relays that don't know.
   */
  readonly logEpoch?: bigint;
  /** It was recorded before, under the same key: what is on record may have been published with other bytes. */
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

/** Messages that are collected at once. */
const MAX_BATCH = 2048;
const RETRY_BACKOFF = { initialMs: 50, maxMs: 5000 };

/** What a nack means to the caller. Those that are retryable are tried again instead. */
const ERROR_OF: Partial<Record<Code, RelayErrorCode>> = {
  [Code.INVALID_ARGUMENT]: "invalid_argument",
  [Code.PERMISSION_DENIED]: "permission_denied",
};

/**
 * Messages on their way to the log. Each stays until it is answered for good or its caller has lost interest; after a loss of the link
 * all of them are sent again, in their order and with their keys, so that the relay knows those that it has.
 */
export class Publisher {
  readonly #limits: PublisherLimits;
  readonly #onWork: () => void;
  #queue: Pending[] = [];
  #head = 0;
  /** By number, in the order of their sending. */
  #inFlight = new TransientMap<number, Pending>();
  #inFlightBytes = 0;
  #nextNumber = 1;
  readonly #delayed = new Map<Pending, NodeJS.Timeout>();
  #count = 0;
  #bytes = 0;

  /** @param onWork there is something to collect. */
  constructor(limits: PublisherLimits, onWork: () => void) {
    this.#limits = limits;
    this.#onWork = onWork;
  }

  /** @throws RelayError; the signal's reason when aborted. */
  publish(channel: string, message: Uint8Array, signal: AbortSignal | undefined): Promise<Published> {
    if (this.#count >= this.#limits.maxQueued || this.#bytes + message.length > this.#limits.maxQueuedBytes) {
      return Promise.reject(new RelayError("resource_exhausted", "Too many messages wait to be published"));
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

  /** The next messages, up to about so many bytes and as far as the window is open: a batch per channel. */
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
    if (final !== undefined) return this.#drop(pending, new RelayError(final, "The relay refused the message"));
    const timer = setTimeout(() => this.#retry(pending), backoffMs(++pending.attempts, RETRY_BACKOFF));
    this.#delayed.set(pending, timer);
  }

  /** The link is lost: what was in flight goes first on the next one. */
  linkLost(): void {
    this.#queue = [...this.#inFlight.values(), ...this.#queue.slice(this.#head)].filter(({ settled }) => !settled);
    this.#head = 0;
    this.#inFlight = new TransientMap();
    this.#inFlightBytes = 0;
    this.#nextNumber = 1;
  }

  /** Rejects everything. */
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
    if (pending === undefined) throw new RelayError("protocol_error", "The relay answered what was not asked");
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

  /** False when it was settled before. */
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
