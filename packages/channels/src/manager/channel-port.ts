import { deferred } from "@parley/core/internal";
import {
  type Envelope,
  EnvelopeFanOut,
  type EnvelopeKeeper,
  type EnvelopePort,
  type PortSendOptions,
  type ReceivedEnvelope,
  type ReceiveOptions,
} from "@parley/envelope-and-adapters";
import { checkEnvelope } from "@parley/envelope-and-adapters/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import type { Inbox, InboxItem } from "../channel/inbox.ts";
import type { ChannelMessage } from "../channel/channel-message.ts";
import { receivedOf } from "./received-envelope.ts";
import { logEnd, readTo, within } from "./log-end.ts";

/**
 * A channel as a port of envelopes. What somebody has subscribed to is taken from the channel's inbox and handed to them; all else stays
 * there, for who receives from the manager. On disk it all stays until it is settled.
 */
export class ChannelPort implements EnvelopePort {
  readonly #channel: GroupChannel;
  readonly #inbox: Inbox | undefined;
  readonly #fanOut = new EnvelopeFanOut();
  /** Ends the wait for news. */
  #wake: () => void = () => undefined;
  #isPumping = false;
  /** Told when all that subscribers want has been handed to them. */
  readonly #idleListeners = new Set<() => void>();
  #isDelivering = false;

  constructor(channel: GroupChannel) {
    this.#channel = channel;
    this.#inbox = channel.inbox;
    const { inbox } = channel;
    inbox?.onChange(() => {
      // What is buffered here is on disk too, and comes again.
      if (inbox.isClosed) this.#fanOut.close();
    });
  }

  async send(envelope: Envelope, options?: PortSendOptions): Promise<void> {
    await this.#channel.send(checkEnvelope(envelope).serialize(), options);
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    if (this.#inbox === undefined) throw new TypeError("The channel was opened with receive: false");
    const subscription = this.#fanOut.receive(options);
    this.#startPump(this.#inbox);
    this.#wake();
    return subscription;
  }

  /**
   * Resolves when everything that the relay had acknowledged at the time of the call is in the subscribers' buffers; also when the relay
   * can't be asked.
   *
   * @throws the signal's reason
   */
  async caughtUp({ timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const deadline = { until: performance.now() + timeoutMs, signal };
    const end = await logEnd(this.#channel, deadline);
    if (end === undefined) return;
    await readTo(end, this.#channel, deadline);
    await within(deadline, (inner) => this.#whenIdle(inner), undefined);
  }

  /** Whether somebody has subscribed to what a message is, and hasn't had it. */
  wants(message: ChannelMessage): boolean {
    return this.#isPumping && this.#fanOut.wants(receivedOf(message));
  }

  /** Not at once: several who subscribe together all get what waits already. */
  #startPump(inbox: Inbox): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => void this.#pump(inbox));
  }

  /** One by one: what somebody leaves unsettled is before what has come since. */
  async #pump(inbox: Inbox): Promise<void> {
    for (;;) {
      const item = inbox.takeFirst((message) => this.wants(message));
      this.#isDelivering = item !== undefined;
      if (item !== undefined) await this.#fanOut.deliver(receivedOf(item.message), keeperOf(inbox, item));
      else if (inbox.ended === undefined) await this.#news(inbox);
      else break;
    }
    this.#tellIdle();
    const { error } = inbox.ended;
    if (error === undefined) this.#fanOut.end();
    else this.#fanOut.fail(error);
  }

  async #whenIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#isDelivering || this.#inbox?.has((message) => this.wants(message)) === true)) {
      const idle = deferred<void>();
      this.#idleListeners.add(idle.resolve);
      signal.addEventListener("abort", () => idle.resolve(), { once: true });
      await idle.promise;
      this.#idleListeners.delete(idle.resolve);
    }
  }

  #tellIdle(): void {
    for (const listener of this.#idleListeners) listener();
  }

  async #news(inbox: Inbox): Promise<void> {
    this.#tellIdle();
    const news = deferred<void>();
    this.#wake = news.resolve;
    const stopListening = inbox.onChange(news.resolve);
    await news.promise;
    stopListening();
  }
}

function keeperOf(inbox: Inbox, item: InboxItem): EnvelopeKeeper {
  return { settled: () => inbox.release([item]), left: () => inbox.giveBack(item) };
}
