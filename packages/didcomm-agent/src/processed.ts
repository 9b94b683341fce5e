import type { Message, Outcome } from "@parley/core";

import { HANDLED } from "./run.ts";

/** How a message was finished with. */
export interface Finished {
  /** The outcome to send to the node if it delivers the message again. */
  readonly outcome: Outcome;
  /** The handler's reply, while it has not got through. */
  readonly reply?: Message;
}

/** Handled, and nothing left to say. */
export const FINISHED: Finished = { outcome: HANDLED };

/**
 * Remembers the messages that have been handled: the most recent ones, up to its capacity and never fewer than half of it.
 * (Dropping the older half at once is far cheaper than dropping the oldest entry each time.)
 */
export class Processed {
  readonly #half: number;
  #recent = new Map<string, Finished>();
  #older = new Map<string, Finished>();

  constructor(capacity: number) {
    this.#half = Math.ceil(capacity / 2);
  }

  get(key: string): Finished | undefined {
    return this.#recent.get(key) ?? this.#older.get(key);
  }

  add(key: string, finished: Finished): void {
    if (this.#recent.size >= this.#half) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, finished);
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
