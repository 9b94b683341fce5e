/** Books of messages: which were sent, acknowledged to their senders, and handled by their recipients. Texts are unique. */
export class Ledger {
  /** When each was sent first, in milliseconds of `performance.now()`. */
  readonly #sent = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  readonly #handled = new Map<string, number>();
  #longestWaitMs = 0;

  send(text: string): void {
    this.#sent.set(text, performance.now());
  }

  acknowledge(text: string): void {
    const now = performance.now();
    this.#longestWaitMs = Math.max(this.#longestWaitMs, now - (this.#sent.get(text) ?? now));
    this.#acknowledged.add(text);
  }

  handle(text: string): void {
    this.#handled.set(text, (this.#handled.get(text) ?? 0) + 1);
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Messages that were acknowledged, and not handled so far. */
  get lost(): readonly string[] {
    return [...this.#acknowledged].filter((text) => !this.#handled.has(text));
  }

  /** Messages that were handled more than once. */
  get twice(): readonly string[] {
    return [...this.#handled].filter(([, count]) => count > 1).map(([text]) => text);
  }

  /** Messages that were handled without having been sent. */
  get unknown(): readonly string[] {
    return [...this.#handled.keys()].filter((text) => !this.#sent.has(text));
  }

  /** The longest time from sending a message until its acknowledgement, of those acknowledged since the last call, in milliseconds. */
  takeLongestWaitMs(): number {
    const longest = this.#longestWaitMs;
    this.#longestWaitMs = 0;
    return Math.round(longest);
  }
}
