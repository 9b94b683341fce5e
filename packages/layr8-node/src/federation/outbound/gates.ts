import { Gate, type GateOptions, type Permit } from "./gate.ts";

/** Gates by the host behind them, made when needed and forgotten when not. */
export class Gates {
  readonly #options: GateOptions;
  readonly #gates = new Map<string, Gate>();
  #ended = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Those who wait for hosts that failed. */
  get blocked(): number {
    let count = 0;
    for (const gate of this.#gates.values()) count += gate.blocked;
    return count;
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

  /** Called now and then: forgets gates that nobody needs. */
  sweep(): void {
    for (const [host, gate] of this.#gates) if (gate.idle) this.#gates.delete(host);
  }

  /** Sends everybody away. */
  end(): void {
    this.#ended = true;
    for (const gate of this.#gates.values()) gate.end();
  }
}
