import type { ChannelLog } from "../log/channel-log.ts";
import type { ChannelFeed, FeedReader } from "./channel-feeds.ts";
import { DeliveryPage } from "./delivery-page.ts";
import { DELIVERY_BYTES, DELIVERY_MESSAGES } from "./relay-limits.ts";
import { withoutMarkers } from "./without-markers.ts";

/** The start of a subscription, as its client requested it. */
export interface SubscriberStart {
  /** The first sequence. */
  readonly from: number;
  readonly credit: number;
  /** The client supports markers of evicted messages. */
  readonly takesEvicted: boolean;
}

/** The stream of a subscriber. */
export interface SubscriberOwner {
  /** Whether the stream has capacity for deliveries. When it has again, the owner calls `pump`. */
  readonly hasCapacity: boolean;
  deliver(subscriber: Subscriber, page: DeliveryPage): void;
  /** The subscriber is behind the log. The owner calls `pump` when the stream has capacity. */
  onLagging(subscriber: Subscriber): void;
  /** The next entry to deliver was removed by retention. */
  onRangeGone(subscriber: Subscriber, first: number): void;
  failed(subscriber: Subscriber, error: unknown): void;
}

/**
 * One subscription. While it has credit and its stream has capacity, it sends the pages that its feed offers. Otherwise it ignores them,
 * and later reads from the log from its cursor on. So it buffers nothing in memory and skips no entry.
 */
export class Subscriber implements FeedReader {
  readonly id: number;
  readonly feed: ChannelFeed;
  readonly #owner: SubscriberOwner;
  readonly #log: ChannelLog;
  /** The sequence to deliver next. */
  #cursor: number;
  #credit: number;
  readonly #takesEvicted: boolean;
  #reading = false;
  #ended = false;

  constructor(id: number, feed: ChannelFeed, start: SubscriberStart, log: ChannelLog, owner: SubscriberOwner) {
    this.id = id;
    this.feed = feed;
    this.#owner = owner;
    this.#log = log;
    this.#cursor = start.from;
    this.#credit = start.credit;
    this.#takesEvicted = start.takesEvicted;
  }

  /** The sequence to deliver next. */
  get next(): number {
    return this.#cursor;
  }

  get channel(): string {
    return this.feed.channel;
  }

  offer(page: DeliveryPage): void {
    // It is behind already, or starts further on.
    if (page.first !== this.#cursor || this.#reading) return this.#wait();
    const part = this.#owner.hasCapacity ? page.within(this.#credit) : undefined;
    if (part !== undefined) this.#deliver(part);
    this.#wait();
  }

  addCredit(amount: number): void {
    this.#credit = Math.min(this.#credit + amount, Number.MAX_SAFE_INTEGER);
    this.pump();
  }

  /** Continues from the log, if the subscription is behind it and has credit and capacity. */
  pump(): void {
    if (this.#reading || this.#ended || this.#cursor >= this.feed.next || this.#credit <= 0) return;
    if (!this.#owner.hasCapacity) return this.#owner.onLagging(this);
    void this.#catchUp();
  }

  end(): void {
    this.#ended = true;
    this.feed.readers.delete(this);
  }

  async #catchUp(): Promise<void> {
    this.#reading = true;
    try {
      await this.#read();
    } catch (error) {
      if (!this.#ended) this.#owner.failed(this, error);
      return;
    }
    this.#reading = false;
    this.pump();
  }

  async #read(): Promise<void> {
    const maxBytes = Math.min(this.#credit, DELIVERY_BYTES);
    const page = await this.#log.read(this.channel, { from: this.#cursor, limit: DELIVERY_MESSAGES, maxBytes });
    const { entries, head } = this.#takesEvicted ? page : withoutMarkers(page);
    if (this.#ended) return;
    if (this.#cursor < head.first) return this.#owner.onRangeGone(this, head.first);
    // Another stream of the account has taken the room. The entries are read again when there is room.
    if (!this.#owner.hasCapacity) return;
    const part = entries.length === 0 ? undefined : new DeliveryPage(this.#cursor, entries).within(this.#credit);
    if (part === undefined) throw new Error("The log lacks what it should hold");
    this.#deliver(part);
  }

  #deliver(page: DeliveryPage): void {
    this.#cursor = page.next;
    this.#credit -= page.cost;
    this.#owner.deliver(this, page);
  }

  #wait(): void {
    if (this.#cursor < this.feed.next && this.#credit > 0 && !this.#reading) this.#owner.onLagging(this);
  }
}
