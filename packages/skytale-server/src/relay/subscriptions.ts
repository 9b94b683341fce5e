import type { FairShareLease } from "@parley/core/internal";
import { RelayError } from "@parley/skytale-relay";
import { contract, encodeControl, type Subscribe } from "@parley/skytale-relay/internal";
import type { Principal } from "./access.ts";
import type { CheckRound } from "./check-round.ts";
import { type CodeCheck, PASSED, rejected } from "./code-check.ts";
import type { DeliveryPage } from "./delivery-page.ts";
import type { DescribedReader } from "./described-reader.ts";
import { isChannelName } from "./incoming.ts";
import type { Outbox } from "./outbox.ts";
import { ERROR_OF } from "./publishing.ts";
import type { SessionParts } from "./session-parts.ts";
import { Subscriber, type SubscriberOwner } from "./subscriber.ts";

/** The stream of {@link Subscriptions}. */
export interface SubscribingStream {
  /** The present account and key: a client can renew its token. */
  readonly principal: Principal;
}

/** The subscriptions of one stream. */
export class Subscriptions implements SubscriberOwner {
  readonly #parts: SessionParts;
  readonly #stream: SubscribingStream;
  readonly #outbox: Outbox;
  readonly #subscribers = new Map<number, Subscriber>();
  /** Channels that are subscribed to, and each one's share of the account's subscriptions. */
  readonly #subscribed = new Map<string, FairShareLease>();
  readonly #behind = new Set<Subscriber>();
  #closed = false;

  constructor(parts: SessionParts, stream: SubscribingStream, outbox: Outbox) {
    this.#parts = parts;
    this.#stream = stream;
    this.#outbox = outbox;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  /** Those to a channel. */
  readersOf(channel: string): readonly DescribedReader[] {
    const { accountId } = this.#stream.principal;
    return Array.from(this.#subscribers.values()).flatMap((subscriber) =>
      subscriber.channel === channel ? [{ accountId, next: subscriber.next }] : [],
    );
  }

  /**
   * Opens a subscription, or ends it with a code.
   *
   * @throws RelayError `invalid_argument` for an id that is 0 or in use
   */
  async open({ subscription: id, channel, from, credit, takesEvicted = false }: Subscribe): Promise<void> {
    if (id === 0 || this.#subscribers.has(id)) throw new RelayError("invalid_argument", "A subscription needs an id of its own, not 0");
    const checked = await this.#check(channel);
    if (this.#closed) return;
    if (!checked.ok) return this.#answerEnded(id, checked.code);
    const lease = this.#parts.budgets.subscriptions.tryAcquire(this.#stream.principal.accountId);
    if (lease === undefined) return this.#answerEnded(id, contract.Code.RESOURCE_EXHAUSTED);
    this.#subscribed.set(channel, lease);
    const feed = await this.#parts.feeds.acquire(channel).catch((error: unknown) => {
      this.#parts.observer.onFailure?.(error);
      return undefined;
    });
    if (feed === undefined) {
      this.#free(channel);
      return this.#answerEnded(id, contract.Code.INTERNAL);
    }
    if (this.#closed) return this.#parts.feeds.release(feed);
    const next = from === 0 ? feed.next : from;
    const subscriber = new Subscriber(id, feed, { from: next, credit, takesEvicted }, this.#parts.log, this);
    this.#subscribers.set(id, subscriber);
    feed.readers.add(subscriber);
    this.#outbox.addAnswer(encodeControl({ subscribed: [{ subscription: id, next, head: feed.next }] }));
    subscriber.pump();
  }

  /** The client has ended a subscription. */
  drop(id: number): void {
    const subscriber = this.#subscribers.get(id);
    if (subscriber !== undefined) this.#drop(subscriber);
  }

  addCredit(id: number, amount: number): void {
    this.#subscribers.get(id)?.addCredit(amount);
  }

  /** Ends those to a channel that was deleted. */
  forgetChannel(channel: string): void {
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.channel === channel) this.#end(subscriber, contract.Code.PERMISSION_DENIED);
    }
  }

  /** Ends those to channels that the account may no longer read. */
  async check(round: CheckRound): Promise<void> {
    for (const subscriber of this.#subscribers.values()) {
      if (!(await round.canRead(this.#stream.principal, subscriber.channel))) this.#end(subscriber, contract.Code.PERMISSION_DENIED);
    }
  }

  /** The stream has capacity for deliveries again. */
  onRoom(): void {
    for (const subscriber of this.#behind) {
      if (!this.hasCapacity) return;
      this.#behind.delete(subscriber);
      subscriber.pump();
    }
  }

  /** Ends all of them without an answer, because the stream has ended. */
  close(): void {
    this.#closed = true;
    for (const subscriber of this.#subscribers.values()) this.#drop(subscriber);
    // One whose feed is being opened.
    for (const channel of this.#subscribed.keys()) this.#free(channel);
  }

  get hasCapacity(): boolean {
    return this.#outbox.hasCapacity;
  }

  deliver(subscriber: Subscriber, page: DeliveryPage): void {
    this.#outbox.add(page.frame(subscriber.id));
    this.#parts.observer.onDelivered?.(page.messages.length, page.bytes);
  }

  onLagging(subscriber: Subscriber): void {
    if (this.hasCapacity) return subscriber.pump();
    if (this.#behind.has(subscriber)) return;
    this.#behind.add(subscriber);
    this.#outbox.announceRoom();
    this.#parts.observer.onLagging?.();
  }

  onRangeGone(subscriber: Subscriber, first: number): void {
    this.#end(subscriber, contract.Code.RANGE_GONE, first);
  }

  failed(subscriber: Subscriber, error: unknown): void {
    this.#parts.observer.onFailure?.(error);
    this.#end(subscriber, contract.Code.INTERNAL);
  }

  async #check(channel: string): Promise<CodeCheck> {
    if (!isChannelName(channel) || this.#subscribed.has(channel)) return rejected(contract.Code.INVALID_ARGUMENT);
    if (this.#subscribers.size >= this.#parts.limits.maxSubscriptions) return rejected(contract.Code.RESOURCE_EXHAUSTED);
    try {
      return (await this.#parts.access.canRead(this.#stream.principal, channel)) ? PASSED : rejected(contract.Code.PERMISSION_DENIED);
    } catch (error) {
      this.#parts.observer.onFailure?.(error);
      return rejected(contract.Code.INTERNAL);
    }
  }

  #end(subscriber: Subscriber, code: contract.Code, first = 0): void {
    if (this.#subscribers.get(subscriber.id) !== subscriber) return;
    this.#drop(subscriber);
    this.#answerEnded(subscriber.id, code, first);
  }

  #drop(subscriber: Subscriber): void {
    subscriber.end();
    this.#subscribers.delete(subscriber.id);
    this.#behind.delete(subscriber);
    this.#free(subscriber.channel);
    this.#parts.feeds.release(subscriber.feed);
  }

  #free(channel: string): void {
    this.#subscribed.get(channel)?.release();
    this.#subscribed.delete(channel);
  }

  #answerEnded(subscription: number, code: contract.Code, first = 0): void {
    this.#outbox.addAnswer(encodeControl({ ended: [{ subscription, code, first }] }));
    this.#parts.observer.onRefused?.("subscription", ERROR_OF[code] ?? "internal");
  }
}
