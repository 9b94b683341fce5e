/** A connection, until it is forgotten. */
interface Holder<C> {
  connection: C | undefined;
}

/** Who spoke on a thread last, and when, counted in messages. */
interface Route<C> {
  holder: Holder<C>;
  at: number;
}

/**
 * Which connection of a DID started or last spoke on a thread, so that answers find it again. Bounded: it holds two generations, and
 * forgets the elder when the younger one is full.
 */
export class ThreadRoutes<C extends object> {
  readonly #perGeneration: number;
  #young = new Map<string, Route<C>>();
  #old = new Map<string, Route<C>>();
  readonly #holders = new Map<C, Holder<C>>();
  #count = 0;

  /** @param max threads that are remembered at the most; the latest half of them for sure. */
  constructor(max: number) {
    this.#perGeneration = Math.max(1, Math.floor(max / 2));
  }

  /** How many messages have been recorded. */
  get count(): number {
    return this.#count;
  }

  record(thread: string, connection: C): void {
    const at = ++this.#count;
    const holder = this.#holderOf(connection);
    const route = this.#young.get(thread);
    if (route !== undefined) {
      route.holder = holder;
      route.at = at;
      return;
    }
    if (this.#young.size >= this.#perGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(thread, { holder, at });
  }

  find(thread: string | undefined): C | undefined {
    return thread === undefined ? undefined : this.#routeOf(thread)?.holder.connection;
  }

  /** Whether anything was recorded on a thread after the first `count` messages. */
  hasSpokenSince(count: number, thread: string): boolean {
    const route = this.#routeOf(thread);
    return route !== undefined && route.at > count;
  }

  /** Forgets the threads of a connection, in the same time however many they are. */
  forget(connection: C): void {
    const holder = this.#holders.get(connection);
    if (holder !== undefined) holder.connection = undefined;
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
    for (const routes of [this.#young, this.#old]) {
      const route = routes.get(thread);
      if (route?.holder.connection !== undefined) return route;
    }
    return undefined;
  }
}
