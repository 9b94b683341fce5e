import { ParleyError } from "@parley/core";
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
 * A channel as an `EnvelopePort`. Envelopes that match a subscription are taken from the channel's inbox and delivered to it. All others stay
 * in the inbox for `receive` of the manager. Every envelope stays on disk until it is settled.
 */
export class ChannelPort implements EnvelopePort {
  readonly #channel: GroupChannel;
  readonly #inbox: Inbox | undefined;
  readonly #fanOut = new EnvelopeFanOut();
  /** Ends the wait for a change of the inbox or the subscriptions. */
  #wake: () => void = () => undefined;
  #isPumping = false;
  /** Called when all matching envelopes are delivered. */
  readonly #idleListeners = new Set<() => void>();
  #isDelivering = false;

  constructor(channel: GroupChannel) {
    this.#channel = channel;
    this.#inbox = channel.inbox;
    const { inbox } = channel;
    inbox?.onChange(() => {
      // Buffered envelopes are still on disk, and are delivered again after the next opening.
      if (inbox.isClosed) this.#fanOut.close();
    });
  }

  async send(envelope: Envelope, options?: PortSendOptions): Promise<void> {
    await this.#channel.sendEnvelope(checkEnvelope(envelope), options);
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    if (this.#inbox === undefined) throw new TypeError("The channel was opened with receive: false");
    const subscription = this.#fanOut.receive(options);
    this.#startPump(this.#inbox);
    this.#wake();
    return subscription;
  }

  /**
   * Resolves when all envelopes acknowledged before the call are in the subscribers' buffers, or when the relay does not answer within the
   * timeout.
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

  /** Whether a subscription matches a message and has not received it. */
  wants(message: ChannelMessage): boolean {
    return this.#isPumping && this.#fanOut.wants(receivedOf(message));
  }

  /** Starts in a microtask, so that several subscriptions made together all receive the waiting envelopes. */
  #startPump(inbox: Inbox): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => void this.#pump(inbox));
  }

  /** Delivers one envelope at a time, so that an envelope left unsettled is redelivered before later ones. */
  async #pump(inbox: Inbox): Promise<void> {
    for (;;) {
      const item = inbox.takeFirst((message) => this.wants(message));
      this.#isDelivering = item !== undefined;
      if (item !== undefined) await this.#deliver(inbox, item);
      else if (inbox.ended === undefined) await this.#waitForChange(inbox);
      else break;
    }
    this.#notifyIdle();
    const { error } = inbox.ended;
    if (error === undefined) this.#fanOut.end();
    else this.#fanOut.fail(error);
  }

  /** Returns the number of subscribers. */
  #deliver(inbox: Inbox, item: InboxItem): Promise<number> {
    const received = receivedOf(item.message);
    const keeper = keeperOf(inbox, item);
    const { telemetry } = this.#channel;
    if (telemetry === undefined) return this.#fanOut.deliver(received, keeper);
    const span = telemetry.process(received.envelope, { id: received.id, from: received.sender });
    received.within = (work) => span.run(work);
    return this.#fanOut.deliver(received, {
      settled: async () => {
        try {
          await keeper.settled();
          span.end({ outcome: "settled" });
        } catch (error) {
          span.end({ error: ParleyError.from(error).code });
          throw error;
        }
      },
      left: () => {
        span.end({ outcome: "left" });
        keeper.left();
      },
    });
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

  #notifyIdle(): void {
    for (const listener of this.#idleListeners) listener();
  }

  async #waitForChange(inbox: Inbox): Promise<void> {
    this.#notifyIdle();
    const change = deferred<void>();
    this.#wake = change.resolve;
    const stopListening = inbox.onChange(change.resolve);
    await change.promise;
    stopListening();
  }
}

function keeperOf(inbox: Inbox, item: InboxItem): EnvelopeKeeper {
  return { settled: () => inbox.settle([item]), left: () => inbox.giveBack(item) };
}
