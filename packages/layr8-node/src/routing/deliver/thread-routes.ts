import { ChurnMap } from "@parley/core/internal";

/** A connection; `undefined` once it has ended. */
interface Holder<C> {
  connection: C | undefined;
}

/** The last connection to send on a thread, and the message count then. */
interface Route<C> {
  holder: Holder<C>;
  at: number;
}

/**
 * Records which connection of a DID last sent on a thread, to route responses to it. Bounded: it holds two generations and drops the
 * older one when the newer one is full.
 */
export class ThreadRoutes<C extends object> {
  readonly #perGeneration: number;
  /** Created with the first thread, because most agents of a large node are idle. */
  #young: Map<string, Route<C>> | undefined;
  #old: Map<string, Route<C>> | undefined;
  readonly #holders = new ChurnMap<C, Holder<C>>();
  #count = 0;
  /** The latest lookup: each message is looked up three times in a row, at about 0.7 µs each in a large map. */
  #lastThread: string | undefined;
  #lastRoute: Route<C> | undefined;

  /** @param max maximum number of remembered threads; at least the latest half is kept. */
  constructor(max: number) {
    this.#perGeneration = Math.max(1, Math.floor(max / 2));
  }

  /** Number of recorded messages. */
  get count(): number {
    return this.#count;
  }

  record(thread: string, connection: C): void {
    const at = ++this.#count;
    this.#lastThread = undefined;
    const holder = this.#holderOf(connection);
    const route = this.#young?.get(thread);
    if (route !== undefined) {
      route.holder = holder;
      route.at = at;
      return;
    }
    if (this.#young === undefined || this.#young.size >= this.#perGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(thread, { holder, at });
  }

  find(thread: string | undefined): C | undefined {
    return thread === undefined ? undefined : this.#routeOf(thread)?.holder.connection;
  }

  /** Whether anything was recorded on a thread after the first `count` messages. */
  hasSentSince(count: number, thread: string): boolean {
    const route = this.#routeOf(thread);
    return route !== undefined && route.at > count;
  }

  /** Removes a connection, in constant time. */
  forget(connection: C): void {
    const holder = this.#holders.get(connection);
    if (holder !== undefined) holder.connection = undefined;
    this.#lastThread = undefined;
    this.#holders.delete(connection);
  }

  #holderOf(connection: C): Holder<C> {
    let holder = this.#holders.get(connection);
    if (holder === undefined) {
      holder = { connection };
      this.#holders.set(connection, holder);
    }
    return holder;
  }

  #routeOf(thread: string): Route<C> | undefined {
    if (thread !== this.#lastThread) {
      const young = this.#young?.get(thread);
      this.#lastRoute = young?.holder.connection === undefined ? this.#old?.get(thread) : young;
      this.#lastThread = thread;
    }
    return this.#lastRoute?.holder.connection === undefined ? undefined : this.#lastRoute;
  }
}
