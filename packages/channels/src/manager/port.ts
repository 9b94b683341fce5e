import { deferred } from "@parley/core/internal";
import {
  type Envelope,
  EnvelopeFanOut,
  type EnvelopePort,
  type PortSendOptions,
  type Protocol,
  type ReceivedEnvelope,
  type ReceiveOptions,
} from "@parley/envelope-and-adapters";
import type { Channel } from "../channel/channel.ts";
import type { Inbox } from "../channel/inbox.ts";
import type { ChannelMessage } from "../channel/message.ts";
import { envelopeOf } from "./envelopes.ts";
import { partyOf } from "./party.ts";

/**
 * A channel as a port of envelopes. What somebody has subscribed to is taken from the channel's inbox and handed to them; all else stays
 * there, for who receives from the manager.
 */
export class ChannelPort implements EnvelopePort {
  readonly #channel: Channel;
  readonly #inbox: Inbox | undefined;
  readonly #fanOut = new EnvelopeFanOut();
  /** What is subscribed to; `undefined`: everything. */
  readonly #wanted = new Set<{ readonly protocol: Protocol | undefined }>();
  /** Ends the wait for news. */
  #wake: () => void = () => undefined;
  #isPumping = false;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#inbox = channel.inbox;
  }

  async send(envelope: Envelope, { signal }: PortSendOptions = {}): Promise<void> {
    await this.#channel.send(envelope.serialize(), signal === undefined ? {} : { signal });
  }

  receive(options: ReceiveOptions = {}): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    if (this.#inbox === undefined) throw new TypeError("The channel was opened with receive: false");
    const wanted = { protocol: options.protocol };
    const { signal } = options;
    const forget = (): void => {
      this.#wanted.delete(wanted);
      this.#wake();
      signal?.removeEventListener("abort", forget);
    };
    const subscription = this.#fanOut.receive(options);
    if (signal?.aborted !== true) {
      this.#wanted.add(wanted);
      signal?.addEventListener("abort", forget, { once: true });
      this.#wake();
      this.#startPump(this.#inbox);
    }
    return endingWith(subscription, forget);
  }

  /** Whether somebody has subscribed to what a message is. */
  wants(message: ChannelMessage): boolean {
    if (this.#wanted.size === 0) return false;
    const { protocol } = envelopeOf(message);
    for (const wanted of this.#wanted) if (wanted.protocol === undefined || wanted.protocol === protocol) return true;
    return false;
  }

  /** Not at once: several who subscribe together all get what waits already. */
  #startPump(inbox: Inbox): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => void this.#pump(inbox));
  }

  async #pump(inbox: Inbox): Promise<void> {
    while (this.#wanted.size > 0) {
      const items = inbox.take((message) => this.wants(message));
      for (const [index, item] of items.entries()) {
        const takers = await this.#fanOut.deliver({ envelope: envelopeOf(item.message), sender: partyOf(item.message.sender) });
        if (takers === 0) {
          // Whoever wanted it has gone meanwhile.
          inbox.giveBack(items.slice(index));
          break;
        }
        void inbox.release([item]);
      }
      if (items.length > 0) continue;
      if (inbox.ended !== undefined) {
        const { error } = inbox.ended;
        if (error === undefined) this.#fanOut.end();
        else this.#fanOut.fail(error);
        break;
      }
      await this.#news(inbox);
    }
    this.#isPumping = false;
  }

  async #news(inbox: Inbox): Promise<void> {
    const news = deferred<void>();
    this.#wake = news.resolve;
    const stopListening = inbox.onChange(news.resolve);
    await news.promise;
    stopListening();
  }
}

/** An iterator that says when it is over. */
function endingWith<T>(inner: AsyncIterableIterator<T, undefined>, onOver: () => void): AsyncIterableIterator<T, undefined> {
  const outer: AsyncIterableIterator<T, undefined> = {
    next: async () => {
      try {
        const result = await inner.next();
        if (result.done === true) onOver();
        return result;
      } catch (error) {
        onOver();
        throw error;
      }
    },
    return: async () => {
      onOver();
      await inner.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => outer,
  };
  return outer;
}
