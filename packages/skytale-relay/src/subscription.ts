import { abortable, type Deferred, deferred } from "@parley/core/internal";
import type { Link } from "./link.ts";
import { RelayError } from "./relay-error.ts";
import { readMessage, type RelayMessage } from "./relay-message.ts";
import { FrameError } from "./wire/frame-error.ts";
import type { DeliveryBatch, Subscribed } from "./wire/server-frame.ts";

/** Options of {@link RelayClient.subscribe}. */
export interface SubscribeOptions {
  /** The first sequence to deliver, from 1; it may lie in the future. `"now"`: what is recorded once the relay has the subscription. */
  readonly from: number | "now";
  /** About how many bytes may wait here to be taken; the relay holds back the rest. Default 1 MiB. */
  readonly bufferBytes?: number;
  /** Everything that the relay had when it (re)started the subscription has been taken; `next` is the sequence that comes next. */
  readonly onCaughtUp?: (next: number) => void;
  /** Ends the subscription: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a subscription needs of its client. */
export interface SubscriptionOwner {
  /** The subscription is over: the relay needs to send no more. */
  over(subscription: Subscription): void;
}

interface Batch {
  readonly first: number;
  readonly messages: readonly Uint8Array[];
  readonly cost: number;
}

/**
 * The messages of a channel, in the order of its log, without gaps and none twice, across losses of the link. Iterate once.
 *
 * The iteration ends after {@link Subscription.close}, or that of the client; it throws when it can't go on: RelayError
 * `permission_denied`, `range_gone`, `invalid_argument`, `unauthenticated`, `protocol_error`. What arrived before is handed out first.
 */
export class Subscription implements AsyncIterable<RelayMessage>, AsyncDisposable {
  readonly channel: string;
  readonly #owner: SubscriptionOwner;
  readonly #options: SubscribeOptions;
  readonly #bufferBytes: number;
  /** Sequence that the relay sends next; undefined until it has said what "now" is. */
  #cursor: number | undefined;
  #batches: Batch[] = [];
  #at = 0;
  #bufferedCost = 0;
  /** Consumed, but not given back yet. */
  #owedCredit = 0;
  #link: { readonly link: Link; readonly id: number } | undefined;
  #caughtUpAt: number | undefined;
  #opened: Deferred<number> | undefined;
  #waiting: Deferred<IteratorResult<RelayMessage, undefined>> | undefined;
  #end: { readonly error: unknown } | "done" | undefined;
  readonly #abort = (): void => this.fail(this.#options.signal?.reason);

  /** Made by {@link RelayClient.subscribe}. */
  constructor(channel: string, options: SubscribeOptions, owner: SubscriptionOwner) {
    const { from, bufferBytes = 1024 * 1024, signal } = options;
    if (from !== "now" && (!Number.isSafeInteger(from) || from < 1)) throw new TypeError('from must be a sequence from 1 on, or "now"');
    if (!Number.isSafeInteger(bufferBytes) || bufferBytes < 1) throw new TypeError("bufferBytes must be a positive integer");
    this.channel = channel;
    this.#options = options;
    this.#owner = owner;
    this.#bufferBytes = bufferBytes;
    if (from !== "now") this.#cursor = from;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * Resolves with the first sequence that will be delivered, once the relay has the subscription. Who subscribes from `"now"` and publishes
   * after that misses nothing.
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

  /** Ends the subscription and its iteration. What has not been taken is dropped. Idempotent. */
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

  /** Starts it on a link. @internal */
  start(link: Link, id: number): void {
    this.#link = { link, id };
    this.#owedCredit = 0;
    const credit = Math.max(0, this.#bufferBytes - this.#bufferedCost);
    link.subscribe({ subscription: id, channel: this.channel, from: this.#cursor ?? 0, credit });
  }

  /** The link is lost; it waits for the next one. @internal */
  suspend(): void {
    this.#link = undefined;
  }

  /** @internal */
  subscribed({ next, head }: Subscribed): void {
    if (this.#cursor !== undefined && next !== this.#cursor) {
      throw new RelayError("protocol_error", "The relay starts a subscription elsewhere than asked");
    }
    this.#cursor = next;
    this.#caughtUpAt = head;
    this.#opened ??= deferred();
    this.#opened.resolve(next);
    this.#checkCaughtUp();
  }

  /** @internal */
  delivered({ first, messages, cost }: DeliveryBatch): void {
    if (first !== this.#cursor || messages.length === 0)
      throw new RelayError("protocol_error", "The relay left messages out, or sent some twice");
    this.#cursor = first + messages.length;
    this.#batches.push({ first, messages, cost });
    this.#bufferedCost += cost;
    if (this.#waiting === undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#take().then(waiting.resolve, waiting.reject);
  }

  /** Ends it with an error, after what has arrived. @internal */
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
    if (this.#waiting !== undefined) return Promise.reject(new TypeError("A subscription has one consumer, which is waiting already"));
    this.#waiting = deferred();
    return this.#waiting.promise;
  }

  #take(): Promise<IteratorResult<RelayMessage, undefined>> {
    const batch = this.#batches[0];
    const encoded = batch?.messages[this.#at];
    if (batch === undefined || encoded === undefined) return this.#next();
    const sequence = batch.first + this.#at++;
    if (this.#at === batch.messages.length) this.#consumed(batch);
    try {
      return Promise.resolve({ done: false, value: readMessage(sequence, encoded) });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#batches = [];
      const failure = new RelayError("protocol_error", `Message ${sequence} can't be read: ${error.message}`, { cause: error });
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
    // Little credits are given back together.
    if (this.#link === undefined || this.#owedCredit < this.#bufferBytes / 4) return;
    this.#link.link.credit({ subscription: this.#link.id, amount: this.#owedCredit });
    this.#owedCredit = 0;
  }

  #checkCaughtUp(): void {
    const next = this.#batches[0] === undefined ? this.#cursor : this.#batches[0].first + this.#at;
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
    this.#owner.over(this);
    this.#opened?.reject(end === "done" ? new RelayError("closed", "The subscription is closed") : end.error);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    this.#next().then(waiting.resolve, waiting.reject);
  }
}
