import type { Message, Outcome } from "@parley/core";

/** How a message was finished with. */
export interface Finished {
  /** What to tell the node, should it deliver the message again. */
  readonly outcome: Outcome;
  /** The handler's reply, while it has not got through. */
  readonly reply?: Message;
}

/** Remembers the messages that need no handler any more, the most recent ones. */
export class Processed {
  readonly #capacity: number;
  readonly #finished = new Map<string, Finished>();
  /** The keys in the order they came, as a ring. (A Map's own order would do, but finding its oldest key again and again is slow.) */
  readonly #ring: string[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string): Finished | undefined {
    return this.#finished.get(key);
  }

  add(key: string, finished: Finished): void {
    if (!this.#finished.has(key)) {
      const oldest = this.#ring[this.#next];
      if (oldest !== undefined) this.#finished.delete(oldest);
      this.#ring[this.#next] = key;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    this.#finished.set(key, finished);
  }
}

/**
 * What makes two deliveries the same message: recipient, sender and id. An id alone is unique for its sender only. The lengths keep
 * apart what a sender might make run together.
 */
export function keyOf(recipient: string, message: Message): string {
  const { from = "", id } = message;
  return `${recipient.length} ${from.length} ${recipient}${from}${id}`;
}
