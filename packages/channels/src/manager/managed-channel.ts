import { setImmediate } from "node:timers/promises";
import { MAX_TIMER_MS, closeAll, deferred, readDurationMs, rejectUnknownOptions } from "@parley/core/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import type { Inbox, InboxItem } from "../channel/inbox.ts";
import type { ChannelMessage } from "../channel/channel-message.ts";
import { ChannelError, TransportError } from "../errors.ts";
import type { JoinRequestWorker } from "../invites/join-request-worker.ts";
import { type Deadline, logEnd, persistentLogEnd, readTo } from "./log-end.ts";
import { ChannelPort } from "./channel-port.ts";

/** How long to wait for messages. */
export interface ReceiveOptions {
  /** Longest wait for a first message, in milliseconds. Default 5000; 0 takes what is here, and asks the relay for nothing. */
  readonly timeoutMs?: number;
  /** The same in seconds, as the Python SDK has it. */
  readonly timeout?: number;
  /** Stops waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

const RECEIVE_OPTIONS = ["timeoutMs", "timeout", "signal"];
const DEFAULT_TIMEOUT_MS = 5000;

/** A channel that a manager holds, with all that goes on at it by itself. */
export class ManagedChannel {
  readonly channel: GroupChannel;
  readonly port: ChannelPort;
  readonly #admissions: JoinRequestWorker | undefined;
  /** Given out by the last call of {@link ManagedChannel.receive}. */
  #inHand: readonly InboxItem[] = [];
  /** Ids of messages that were given out and are on disk all the same, since it could not be written. */
  readonly #given: Set<string>;
  #isClosed = false;
  /** Not for a subscriber of the port. */
  readonly #accepts = (message: ChannelMessage): boolean => !this.port.wants(message);

  constructor(channel: GroupChannel, admissions: JoinRequestWorker | undefined, before?: ManagedChannel) {
    this.channel = channel;
    this.#given = before === undefined ? new Set() : before.#given;
    this.port = new ChannelPort(channel);
    this.#admissions = admissions;
  }

  /**
   * Takes all messages that the relay had acknowledged to their senders when this was called, but for what somebody has subscribed to at
   * the port; waits for a first one if there is none. Empty after the timeout. Messages of the call before are removed from the disk.
   *
   * @throws what the channel ended with, once all has been taken; the signal's reason; TypeError
   */
  async receive(options?: ReceiveOptions): Promise<readonly ChannelMessage[]> {
    const { inbox, deadline } = await this.#begin(options);
    let isRead = await this.#readToEnd(deadline);
    for (;;) {
      // The relay could not be asked before, and has sent something since.
      if (!isRead && inbox.has(this.#accepts)) isRead = await this.#readToEnd(deadline);
      const items = this.#take(inbox);
      if (items.length > 0) return items.map(({ message }) => message);
      this.#checkGoesOn(inbox);
      if (!(await arrival(inbox, deadline))) return [];
    }
  }

  /**
   * The last message that the relay had acknowledged when this was called, or one that came later; older ones are dropped. `undefined` when
   * there was none. An older one is never given: while it isn't known to be the last one, as without a connection to the relay, it stays.
   * With a timeout of 0 it is the last one that is here.
   *
   * @throws as {@link ManagedChannel.receive}
   */
  async receiveLatest(options?: ReceiveOptions): Promise<ChannelMessage | undefined> {
    const { inbox, deadline, timeoutMs } = await this.#begin(options);
    if (timeoutMs <= 0) return this.#take(inbox).at(-1)?.message;
    const end = await persistentLogEnd(this.channel, deadline);
    let latest: InboxItem | undefined;
    for (;;) {
      const state = end === undefined ? "unknown" : await readTo(end, this.channel, deadline);
      latest = this.#take(inbox).at(-1) ?? latest;
      if (latest !== undefined && (state === "reached" || inbox.ended !== undefined)) return latest.message;
      // What was just taken makes room to read on.
      if (state === "inbox-full") await setImmediate();
      else if (state === "unknown") return this.#keep(inbox, latest);
      else {
        this.#checkGoesOn(inbox);
        if (!(await arrival(inbox, deadline))) return undefined;
      }
    }
  }

  /** Lets nobody in any more, and is done with what was received. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await closeAll(
      () => this.#admissions?.close(),
      () => this.#release(),
    );
  }

  async #begin(
    options: ReceiveOptions | undefined,
  ): Promise<{ readonly inbox: Inbox; readonly deadline: Deadline; readonly timeoutMs: number }> {
    rejectUnknownOptions(options, RECEIVE_OPTIONS);
    const timeoutMs = readDurationMs(options, { ms: "timeoutMs", seconds: "timeout" }, DEFAULT_TIMEOUT_MS);
    const until = performance.now() + timeoutMs;
    const { inbox } = this.channel;
    if (inbox === undefined) throw new TypeError(`The channel ${this.channel.name} was opened with receive: false`);
    const signal = options?.signal;
    signal?.throwIfAborted();
    await this.#release();
    return { inbox, deadline: { until, signal }, timeoutMs };
  }

  /** Reads on to where the log ends now. False when the relay can't be asked; what there is in the inbox is then all there is. */
  async #readToEnd(deadline: Deadline): Promise<boolean> {
    const end = await logEnd(this.channel, deadline);
    if (end !== undefined) await readTo(end, this.channel, deadline);
    return end !== undefined;
  }

  /** @throws when nothing comes any more */
  #checkGoesOn({ ended }: Inbox): void {
    if (this.#isClosed) throw new TransportError("closed", "the manager is closed");
    if (ended !== undefined) throw ended.error ?? new ChannelError("removed", `this agent has left the channel ${this.channel.name}`);
  }

  #take(inbox: Inbox): readonly InboxItem[] {
    const taken = inbox.take(this.#accepts);
    this.#inHand = [...this.#inHand, ...taken];
    if (this.#given.size === 0) return taken;
    return taken.filter(({ message }) => !this.#given.delete(message.id));
  }

  /** What was taken is for a later call. */
  #keep(inbox: Inbox, item: InboxItem | undefined): undefined {
    if (item === undefined) return;
    this.#inHand = this.#inHand.filter((other) => other !== item);
    inbox.giveBack(item);
  }

  async #release(): Promise<void> {
    const items = this.#inHand;
    this.#inHand = [];
    try {
      await this.channel.inbox?.release(items);
    } catch {
      // The channel ends with it, if it hasn't ended already.
      for (const { message } of items) this.#given.add(message.id);
    }
  }
}

/** Waits until something changes in an inbox. False after the deadline. @throws the signal's reason */
async function arrival(inbox: Inbox, { until, signal }: Deadline): Promise<boolean> {
  const timeoutMs = until - performance.now();
  if (timeoutMs <= 0) return false;
  signal?.throwIfAborted();
  const change = deferred<boolean>();
  const abort = (): void => change.reject(signal?.reason);
  const timer = setTimeout(() => change.resolve(false), Math.min(timeoutMs, MAX_TIMER_MS));
  const stopListening = inbox.onChange(() => change.resolve(true));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await change.promise;
  } finally {
    clearTimeout(timer);
    stopListening();
    signal?.removeEventListener("abort", abort);
  }
}
