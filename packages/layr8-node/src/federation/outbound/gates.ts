import { Gate, type GateOptions, type Permit } from "./gate.ts";

/** Gates by the host behind them, made when needed and forgotten when not. */
export class Gates {
  readonly #options: GateOptions;
  readonly #gates = new Map<string, Gate>();
  readonly #closed = new Set<Gate>();
  #ended = false;

  constructor(options: Omit<GateOptions, "closed">) {
    this.#options = { ...options, closed: this.#closed };
  }

  /** Those who wait for hosts that failed. */
  get blocked(): number {
    let count = 0;
    for (const gate of this.#closed) count += gate.blocked;
    return count;
  }

  /** Whether any gate is closed. */
  get anyClosed(): boolean {
    return this.#closed.size > 0;
  }

  /** Waits for a turn; see {@link Gate.enter}. */
  enter(host: string, again: boolean): Promise<Permit | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    let gate = this.#gates.get(host);
    if (gate === undefined) {
      gate = new Gate(this.#options);
      this.#gates.set(host, gate);
    }
    return gate.enter(again);
  }

  /** A host was heard of; see {@link Gate.hint}. */
  hint(host: string): void {
    this.#gates.get(host)?.hint();
  }

  /** Called now and then: forgets gates that nobody needs. */
  sweep(): void {
    for (const [host, gate] of this.#gates) {
      if (!gate.idle) continue;
      this.#gates.delete(host);
      gate.end();
    }
  }

  /** Sends everybody away. */
  end(): void {
    this.#ended = true;
    for (const gate of this.#gates.values()) gate.end();
  }
}
