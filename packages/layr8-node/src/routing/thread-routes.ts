/**
 * Which connection of a DID started or last spoke on a thread, so that answers find it again. Bounded: it holds two generations, and
 * forgets the elder when the younger one is full.
 */
export class ThreadRoutes<C extends object> {
  readonly #perGeneration: number;
  #young = new Map<string, C>();
  #old = new Map<string, C>();

  /** @param max threads that are remembered at the most; the latest half of them for sure. */
  constructor(max: number) {
    this.#perGeneration = Math.max(1, Math.floor(max / 2));
  }

  record(thread: string, connection: C): void {
    if (this.#young.size >= this.#perGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(thread, connection);
  }

  find(thread: string | undefined): C | undefined {
    return thread === undefined ? undefined : (this.#young.get(thread) ?? this.#old.get(thread));
  }

  forget(connection: C): void {
    for (const routes of [this.#young, this.#old]) {
      for (const [thread, owner] of routes) if (owner === connection) routes.delete(thread);
    }
  }
}
