/** Who spoke on a thread last, and when, counted in messages. */
interface Route<C> {
  connection: C;
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
    const route = this.#young.get(thread);
    if (route !== undefined) {
      route.connection = connection;
      route.at = at;
      return;
    }
    if (this.#young.size >= this.#perGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(thread, { connection, at });
  }

  find(thread: string | undefined): C | undefined {
    return thread === undefined ? undefined : this.#routeOf(thread)?.connection;
  }

  /** Whether anything was recorded on a thread after the first `count` messages. */
  hasSpokenSince(count: number, thread: string): boolean {
    const route = this.#routeOf(thread);
    return route !== undefined && route.at > count;
  }

  forget(connection: C): void {
    for (const routes of [this.#young, this.#old]) {
      for (const [thread, route] of routes) if (route.connection === connection) routes.delete(thread);
    }
  }

  #routeOf(thread: string): Route<C> | undefined {
    return this.#young.get(thread) ?? this.#old.get(thread);
  }
}
