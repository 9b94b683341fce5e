import { abortable, type Deferred, deferred } from "@parley/core/internal";
import type { RelayLink } from "./relay-link.ts";
import { RelayError } from "./relay-error.ts";
import { readMessage, sequenceAfter, type RelayMessage } from "./relay-message.ts";
import { FrameError } from "./wire/frame-error.ts";
import type { DeliveryBatch, Subscribed } from "./wire/server-frame.ts";

/** Options of {@link RelayClient.subscribe}. */
export interface SubscribeOptions {
  /** The first sequence to deliver, from 1; it may not be recorded yet. `"now"`: messages recorded after the relay started the subscription. */
  readonly from: number | "now";
  /** Approximate limit on buffered bytes; the relay holds back further messages. Default 1 MiB. */
  readonly bufferBytes?: number;
  /** Called when all messages that existed when the relay (re)started the subscription were consumed; `next` is the next sequence. */
  readonly onCaughtUp?: (next: number) => void;
  /** Aborts the subscription: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Callbacks of a subscription's client. */
export interface SubscriptionOwner {
  /** The subscription ended. */
  ended(subscription: Subscription): void;
}

interface Batch {
  readonly messages: readonly Uint8Array[];
  readonly cost: number;
  /** Sequence of the message to take next. */
  sequence: number;
  /** The sequence after the last message. */
  readonly next: number;
}

/**
 * Delivers the messages of a channel in log order, without gaps or duplicates, also across losses of the link. Iterate once. Messages that the
 * relay has evicted are delivered as one of kind `evicted`, which counts them.
 *
 * The iteration ends after {@link Subscription.close} or the close of the client. It throws if it can't continue: RelayError
 * `permission_denied`, `range_gone`, `invalid_argument`, `unauthenticated`, `protocol_error`. Messages that arrived before are delivered first.
 */
export class Subscription implements AsyncIterable<RelayMessage>, AsyncDisposable {
  readonly channel: string;
  readonly #owner: SubscriptionOwner;
  readonly #options: SubscribeOptions;
  readonly #bufferBytes: number;
  /** Next sequence that the relay sends; undefined until the relay has resolved "now". */
  #cursor: number | undefined;
  #batches: Batch[] = [];
  #at = 0;
  #bufferedCost = 0;
  /** Credit of consumed messages that was not returned to the relay yet. */
  #owedCredit = 0;
  #link: { readonly link: RelayLink; readonly id: number } | undefined;
  #caughtUpAt: number | undefined;
  #opened: Deferred<number> | undefined;
  #waiting: Deferred<IteratorResult<RelayMessage, undefined>> | undefined;
  #end: { readonly error: unknown } | "done" | undefined;
  readonly #abort = (): void => this.fail(this.#options.signal?.reason);

  /** Called by {@link RelayClient.subscribe}. */
  constructor(channel: string, options: SubscribeOptions, owner: SubscriptionOwner) {
    const { from, bufferBytes = 1024 * 1024, signal } = options;
    if (from !== "now" && (!Number.isSafeInteger(from) || from < 1))
      throw new TypeError('from must be a sequence number of at least 1, or "now"');
    if (!Number.isSafeInteger(bufferBytes) || bufferBytes < 1) throw new TypeError("bufferBytes must be a positive integer");
    this.channel = channel;
    this.#options = options;
    this.#owner = owner;
    this.#bufferBytes = bufferBytes;
    if (from !== "now") this.#cursor = from;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * Resolves once the relay has started the subscription, with the first sequence that will be delivered. With `from: "now"`, messages
   * published after that are all delivered.
   *
   * @throws RelayError when the subscription has ended; the signal's reason when aborted.
   */
  async whenOpen(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#end !== undefined) throw this.#end === "done" ? new RelayError("closed", "The subscription is closed") : this.#end.error;
    const opened = (this.#opened ??= deferred());
    opened.promise.catch(() => undefined);
    return abortable(opened.promise, signal);
  }

  /** Ends the subscription and its iteration. Messages that were not consumed are dropped. Idempotent. */
  close(): Promise<void> {
    this.#batches = [];
    this.#finish("done");
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<RelayMessage, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Starts the subscription on a link. @internal */
  start(link: RelayLink, id: number): void {
    this.#link = { link, id };
    this.#owedCredit = 0;
    const credit = Math.max(0, this.#bufferBytes - this.#bufferedCost);
    link.subscribe({ subscription: id, channel: this.channel, from: this.#cursor ?? 0, credit, takesEvicted: true });
  }

  /** Called when the link is lost, until {@link Subscription.start} with the next one. @internal */
  suspend(): void {
    this.#link = undefined;
  }

  /** @internal */
  subscribed({ next, head }: Subscribed): void {
    if (this.#cursor !== undefined && next !== this.#cursor) {
      throw new RelayError("protocol_error", "The relay started a subscription at another sequence than requested");
    }
    this.#cursor = next;
    this.#caughtUpAt = head;
    this.#opened ??= deferred();
    this.#opened.resolve(next);
    this.#checkCaughtUp();
  }

  /** @internal */
  delivered({ first, messages, cost, next = first + messages.length }: DeliveryBatch): void {
    if (first !== this.#cursor || messages.length === 0) throw new RelayError("protocol_error", "The relay omitted or repeated messages");
    this.#cursor = next;
    this.#batches.push({ messages, cost, sequence: first, next });
    this.#bufferedCost += cost;
    if (this.#waiting === undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#take().then(waiting.resolve, waiting.reject);
  }

  /** Ends the subscription with an error, which the iteration throws after the buffered messages. @internal */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #next(): Promise<IteratorResult<RelayMessage, undefined>> {
    if (this.#batches.length > 0) return this.#take();
    const end = this.#end;
    if (end === "done") return Promise.resolve({ done: true, value: undefined });
    if (end !== undefined) {
      this.#end = "done";
      return Promise.reject(end.error);
    }
    if (this.#waiting !== undefined)
      return Promise.reject(new TypeError("A subscription supports one consumer, and one is waiting already"));
    this.#waiting = deferred();
    return this.#waiting.promise;
  }

  #take(): Promise<IteratorResult<RelayMessage, undefined>> {
    const batch = this.#batches[0];
    const encoded = batch?.messages[this.#at];
    if (batch === undefined || encoded === undefined) return this.#next();
    const { sequence } = batch;
    const isLast = ++this.#at === batch.messages.length;
    if (isLast) this.#consumed(batch);
    try {
      const value = readMessage(sequence, encoded);
      batch.sequence = sequenceAfter(value);
      if (isLast ? batch.sequence !== batch.next : batch.sequence >= batch.next) throw new FrameError("its batch has other sequences");
      return Promise.resolve({ done: false, value });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#batches = [];
      const failure = new RelayError("protocol_error", `Message ${sequence} is malformed: ${error.message}`, { cause: error });
      this.fail(failure);
      return this.#next();
    } finally {
      this.#checkCaughtUp();
    }
  }

  #consumed(batch: Batch): void {
    this.#batches.shift();
    this.#at = 0;
    this.#bufferedCost -= batch.cost;
    this.#owedCredit += batch.cost;
    // Small credits are returned together.
    if (this.#link === undefined || this.#owedCredit < this.#bufferBytes / 4) return;
    this.#link.link.credit({ subscription: this.#link.id, amount: this.#owedCredit });
    this.#owedCredit = 0;
  }

  #checkCaughtUp(): void {
    const next = this.#batches[0] === undefined ? this.#cursor : this.#batches[0].sequence;
    if (this.#caughtUpAt === undefined || next === undefined || next < this.#caughtUpAt) return;
    this.#caughtUpAt = undefined;
    this.#options.onCaughtUp?.(next);
  }

  #finish(end: { readonly error: unknown } | "done"): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    if (this.#link !== undefined) this.#link.link.unsubscribe(this.#link.id);
    this.#link = undefined;
    this.#owner.ended(this);
    this.#opened?.reject(end === "done" ? new RelayError("closed", "The subscription is closed") : end.error);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    this.#next().then(waiting.resolve, waiting.reject);
  }
}
