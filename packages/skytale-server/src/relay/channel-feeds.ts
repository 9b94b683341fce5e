import { TimeSlice } from "@parley/core/internal";
import type { Appended, ChannelLog, Watch } from "../log/channel-log.ts";
import { type DeliveryPage, pagesOf } from "./delivery-page.ts";
import type { RelayObserver } from "./relay-observer.ts";

/** What a feed hands its pages to. */
export interface FeedReader {
  /** The next page of the channel's log. A reader without room ignores it and reads it from the log later. */
  offer(page: DeliveryPage): void;
}

/** Pages that wait to be offered, beyond which readers read them from the log. */
const MAX_WAITING_PAGES = 64;

/** What is appended to one channel, for all who subscribe to it here. */
export class ChannelFeed {
  readonly channel: string;
  readonly readers: Set<FeedReader> = new Set();
  /** The sequence that comes next: pages up to it have been offered. */
  next: number;
  readonly #watch: Watch;
  readonly #onFannedOut: RelayObserver["onFannedOut"];
  #pages: DeliveryPage[] = [];
  #offering = false;

  constructor(channel: string, watch: Watch, onFannedOut: RelayObserver["onFannedOut"]) {
    this.channel = channel;
    this.next = watch.head.next;
    this.#watch = watch;
    this.#onFannedOut = onFannedOut;
  }

  take(appended: Appended): void {
    for (const page of pagesOf(appended)) {
      this.next = page.next;
      this.#pages.push(page);
    }
    // A reader that misses a page finds the next one further on than it is, and reads both from the log.
    if (this.#pages.length > MAX_WAITING_PAGES) this.#pages = this.#pages.slice(-1);
    if (!this.#offering) void this.#offer();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** Offers pages to all readers. Yields to other work when there are many readers. */
  async #offer(): Promise<void> {
    this.#offering = true;
    const slice = new TimeSlice();
    for (let page = this.#pages.shift(); page !== undefined; page = this.#pages.shift()) {
      const startedAt = this.#onFannedOut === undefined ? 0 : performance.now();
      for (const reader of this.readers) {
        reader.offer(page);
        if (slice.isOver) await slice.next();
      }
      if (this.#onFannedOut !== undefined) this.#report(page, startedAt);
    }
    this.#offering = false;
  }

  #report({ first: sequence, messages, bytes }: DeliveryPage, startedAt: number): void {
    const { channel, readers } = this;
    const ms = performance.now() - startedAt;
    this.#onFannedOut?.({ channel, sequence, messages: messages.length, bytes, readers: readers.size, ms });
  }
}

interface Entry {
  readonly feed: Promise<ChannelFeed>;
  /** Readers that have it or wait for it. */
  users: number;
}

/** The feeds of a relay: one per channel with subscribers. */
export class ChannelFeeds {
  readonly #log: ChannelLog;
  readonly #observer: Pick<RelayObserver, "onFannedOut">;
  readonly #entries = new Map<string, Entry>();

  constructor(log: ChannelLog, observer: Pick<RelayObserver, "onFannedOut">) {
    this.#log = log;
    this.#observer = observer;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The feed of a channel; to be given back by {@link ChannelFeeds.release}. @throws StorageError */
  async acquire(channel: string): Promise<ChannelFeed> {
    const entry = this.#entries.get(channel) ?? { feed: this.#open(channel), users: 0 };
    this.#entries.set(channel, entry);
    entry.users++;
    try {
      return await entry.feed;
    } catch (error) {
      this.#leave(channel, entry);
      throw error;
    }
  }

  release(feed: ChannelFeed): void {
    const entry = this.#entries.get(feed.channel);
    if (entry !== undefined && this.#leave(feed.channel, entry)) feed.stop();
  }

  async #open(channel: string): Promise<ChannelFeed> {
    // Entries appended before `watch` resolves are part of its head or follow it directly.
    const early: Appended[] = [];
    let feed: ChannelFeed | undefined;
    const watch = await this.#log.watch(channel, (page) => {
      if (feed === undefined) early.push(page);
      else feed.take(page);
    });
    feed = new ChannelFeed(channel, watch, this.#observer.onFannedOut);
    for (const page of early) feed.take(page);
    return feed;
  }

  #leave(channel: string, entry: Entry): boolean {
    if (--entry.users > 0) return false;
    if (this.#entries.get(channel) === entry) this.#entries.delete(channel);
    return true;
  }
}
