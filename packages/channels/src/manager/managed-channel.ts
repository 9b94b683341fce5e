import { setImmediate } from "node:timers/promises";
import { deferred } from "@parley/core/internal";
import type { Channel } from "../channel/channel.ts";
import type { Inbox, InboxItem } from "../channel/inbox.ts";
import type { ChannelMessage } from "../channel/message.ts";
import { ChannelError, TransportError } from "../errors.ts";
import type { Admissions } from "../invites/admissions.ts";
import { waitMs } from "../seconds.ts";
import { ChannelPort } from "./port.ts";

/** How long to wait for messages. */
export interface ReceiveOptions {
  /** Longest wait for a first message, in seconds. Default 5; 0 takes what is there. */
  readonly timeout?: number;
  /** Stops waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT = 5;

/** A channel that a manager holds, with all that goes on at it by itself. */
export class ManagedChannel {
  readonly channel: Channel;
  readonly port: ChannelPort;
  readonly #admissions: Admissions | undefined;
  /** Given out by the last call of {@link ManagedChannel.receive}. */
  #inHand: readonly InboxItem[] = [];
  #isClosed = false;

  constructor(channel: Channel, admissions: Admissions | undefined) {
    this.channel = channel;
    this.port = new ChannelPort(channel);
    this.#admissions = admissions;
  }

  /**
   * Takes all messages that are there, but for what somebody has subscribed to at the port; waits for a first one if none is. Empty after
   * the timeout. What the call before has taken is done with.
   *
   * @throws what the channel ended with, once all has been taken; the signal's reason; TypeError
   */
  async receive({ timeout = DEFAULT_TIMEOUT, signal }: ReceiveOptions = {}): Promise<readonly ChannelMessage[]> {
    const until = performance.now() + waitMs(timeout);
    const { inbox } = this.channel;
    if (inbox === undefined) throw new TypeError("The channel was opened with receive: false");
    signal?.throwIfAborted();
    await this.#release();
    for (;;) {
      const messages = this.#take(inbox);
      if (messages.length > 0) return messages;
      if (this.#isClosed) throw new TransportError("closed", "the manager is closed");
      if (inbox.ended !== undefined) throw inbox.ended.error ?? new ChannelError("removed", "this agent has left the channel");
      const left = until - performance.now();
      if (left <= 0) return [];
      await arrival(inbox, left, signal);
    }
  }

  /**
   * The last message; older ones are let go. While the channel is read on to where its log ends, as after a restart, later ones are waited
   * for until the timeout. `undefined` when there was none.
   *
   * @throws as {@link ManagedChannel.receive}
   */
  async receiveLatest({ timeout = DEFAULT_TIMEOUT, signal }: ReceiveOptions = {}): Promise<ChannelMessage | undefined> {
    const until = performance.now() + waitMs(timeout);
    let latest = (await this.receive({ timeout, ...(signal !== undefined && { signal }) })).at(-1);
    const { inbox } = this.channel;
    if (latest === undefined || inbox === undefined) return latest;
    for (;;) {
      // What was just taken makes room to read on.
      await setImmediate();
      const isAll = await this.#isAllRead(until - performance.now(), signal);
      const later = this.#take(inbox).at(-1);
      latest = later ?? latest;
      if (isAll || later === undefined) return latest;
    }
  }

  /** Lets nobody in any more, and is done with what was received. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#admissions?.close();
    await this.#release();
  }

  #take(inbox: Inbox): readonly ChannelMessage[] {
    const items = inbox.take((message) => !this.port.wants(message));
    this.#inHand = [...this.#inHand, ...items];
    return items.map(({ message }) => message);
  }

  /** False when the inbox is full before all is read. A wait that ends otherwise, with its time or the channel, is enough too. */
  async #isAllRead(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (timeoutMs <= 0) return true;
    const over = AbortSignal.timeout(Math.ceil(timeoutMs));
    try {
      await this.channel.caughtUp({ signal: signal === undefined ? over : AbortSignal.any([signal, over]) });
      return true;
    } catch (error) {
      return !(error instanceof ChannelError && error.code === "inbox_full");
    }
  }

  async #release(): Promise<void> {
    const items = this.#inHand;
    this.#inHand = [];
    try {
      await this.channel.inbox?.release(items);
    } catch {
      // The channel ends with it, if it hasn't ended already.
    }
  }
}

/** Resolves when something has changed in an inbox, or the time is over. @throws the signal's reason */
async function arrival(inbox: Inbox, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const over = deferred<void>();
  const abort = (): void => over.reject(signal?.reason);
  const timer = setTimeout(over.resolve, timeoutMs);
  const stopListening = inbox.onChange(over.resolve);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await over.promise;
  } finally {
    clearTimeout(timer);
    stopListening();
    signal?.removeEventListener("abort", abort);
  }
}
