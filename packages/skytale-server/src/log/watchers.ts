import type { Appended } from "./channel-log.ts";

type Listener = (page: Appended) => void;

/** Listeners for appends, by channel. A log notifies them of each durable commit; the relay's `ChannelFeeds` add one for each subscribed channel. */
export class Watchers {
  readonly #byChannel = new Map<string, Set<Listener>>();

  /** Returns how to end it. */
  add(channel: string, listener: Listener): () => void {
    const listeners = this.#byChannel.get(channel) ?? new Set();
    this.#byChannel.set(channel, listeners);
    // A listener may be added twice.
    const own: Listener = (page) => listener(page);
    listeners.add(own);
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#byChannel.get(channel) === listeners) this.#byChannel.delete(channel);
    };
  }

  has(channel: string): boolean {
    return this.#byChannel.has(channel);
  }

  notify(channel: string, page: Appended): void {
    for (const listener of this.#byChannel.get(channel) ?? []) listener(page);
  }
}
