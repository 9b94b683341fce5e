/** Which connection of a DID started or last spoke on a thread, so that answers find it again. Bounded: the oldest is forgotten. */
export class ThreadRoutes<C extends object> {
  readonly #routes = new Map<string, C>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  record(thread: string, connection: C): void {
    this.#routes.delete(thread);
    this.#routes.set(thread, connection);
    if (this.#routes.size <= this.#max) return;
    for (const oldest of this.#routes.keys()) {
      this.#routes.delete(oldest);
      break;
    }
  }

  find(thread: string | undefined): C | undefined {
    return thread === undefined ? undefined : this.#routes.get(thread);
  }

  forget(connection: C): void {
    for (const [thread, owner] of this.#routes) if (owner === connection) this.#routes.delete(thread);
  }
}
