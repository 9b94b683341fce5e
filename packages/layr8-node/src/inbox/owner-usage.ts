import type { Depth } from "./inbox.ts";

/** Usage of an inbox without messages. */
export const NO_USAGE: Depth = { messages: 0, length: 0 };

/** Messages and characters waiting in the inboxes of all DIDs of each owner (API key). */
export class OwnerUsage {
  readonly #usages = new Map<string, { messages: number; length: number }>();

  of(owner: string | undefined): Depth {
    return (owner === undefined ? undefined : this.#usages.get(owner)) ?? NO_USAGE;
  }

  change(owner: string | undefined, messages: number, length: number): void {
    if (owner === undefined) return;
    const usage = this.#usages.get(owner);
    if (usage === undefined) {
      this.#usages.set(owner, { messages, length });
      return;
    }
    usage.messages += messages;
    usage.length += length;
    if (usage.messages <= 0) this.#usages.delete(owner);
  }
}
