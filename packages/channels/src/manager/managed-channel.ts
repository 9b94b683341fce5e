import { setImmediate } from "node:timers/promises";
import { MAX_TIMER_MS, closeAll, deferred, readDurationMs, rejectUnknownOptions } from "@parley/core/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import type { Inbox, InboxItem } from "../channel/inbox.ts";
import type { ChannelMessage } from "../channel/channel-message.ts";
import { identityName } from "../channel/identity-name.ts";
import { ChannelError, TransportError } from "../errors.ts";
import type { JoinRequestWorker } from "../invites/join-request-worker.ts";
import { type Deadline, logEnd, persistentLogEnd, readTo } from "./log-end.ts";
import { ChannelPort } from "./channel-port.ts";

/** Options of the `receive` calls of `SkytaleChannelManager`. */
export interface ReceiveOptions {
  /** Longest wait for a first message, in milliseconds. 0 returns stored messages without asking the relay. Default 5000. */
  readonly timeoutMs?: number;
  /** The same in seconds, as in the Python SDK. */
  readonly timeout?: number;
  /** Aborts the wait: the call is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

const RECEIVE_OPTIONS = ["timeoutMs", "timeout", "signal"];
const DEFAULT_TIMEOUT_MS = 5000;

/** A channel of a manager, with its port and its join request worker. */
export class ManagedChannel {
  readonly channel: GroupChannel;
  readonly port: ChannelPort;
  readonly #worker: JoinRequestWorker | undefined;
  /** Returned by the last call of {@link ManagedChannel.receive}. */
  #returned: readonly InboxItem[] = [];
  /** Ids of returned messages that could not be deleted from the disk. They are not returned again. */
  readonly #undeleted: Set<string>;
  #isClosed = false;
  /** Messages that match no subscription of the port. */
  readonly #accepts = (message: ChannelMessage): boolean => !this.port.wants(message);

  constructor(channel: GroupChannel, worker: JoinRequestWorker | undefined, before?: ManagedChannel) {
    this.channel = channel;
    this.#undeleted = before === undefined ? new Set() : before.#undeleted;
    this.port = new ChannelPort(channel);
    this.#worker = worker;
  }

  /**
   * Returns all messages acknowledged to their senders before the call, except those that match a subscription of the port. Waits for a first
   * message if none is stored; empty after the timeout. Settles the messages that the previous call returned.
   *
   * @throws the error that the channel ended with, after the last message; the signal's reason; TypeError
   */
  async receive(options?: ReceiveOptions): Promise<readonly ChannelMessage[]> {
    const { inbox, deadline } = await this.#begin(options);
    let isRead = await this.#readToEnd(deadline);
    for (;;) {
      // The relay was not reachable before, and has delivered a message since.
      if (!isRead && inbox.has(this.#accepts)) isRead = await this.#readToEnd(deadline);
      const items = this.#take(inbox);
      if (items.length > 0) return this.#returning(items.map(({ message }) => message));
      this.#checkGoesOn(inbox);
      if (!(await arrival(inbox, deadline))) return [];
    }
  }

  /**
   * Returns the last message acknowledged before the call, or a later one, and drops the older ones. `undefined` if no message was sent, or if the
   * end of the log cannot be determined, such as without a relay connection: a stored message that may be outdated is not returned. With a
   * timeout of 0, returns the last stored message.
   *
   * @throws as {@link ManagedChannel.receive}
   */
  async receiveLatest(options?: ReceiveOptions): Promise<ChannelMessage | undefined> {
    const { inbox, deadline, timeoutMs } = await this.#begin(options);
    if (timeoutMs <= 0) return this.#returning(this.#take(inbox).map(({ message }) => message)).at(-1);
    const end = await persistentLogEnd(this.channel, deadline);
    let latest: InboxItem | undefined;
    for (;;) {
      const state = end === undefined ? "unknown" : await readTo(end, this.channel, deadline);
      latest = this.#take(inbox).at(-1) ?? latest;
      if (latest !== undefined && (state === "reached" || inbox.ended !== undefined)) return this.#returning([latest.message]).at(0);
      // The messages just taken made room in the inbox: reading continues.
      if (state === "inbox-full") await setImmediate();
      else if (state === "unknown") return this.#keep(inbox, latest);
      else {
        this.#checkGoesOn(inbox);
        if (!(await arrival(inbox, deadline))) return undefined;
      }
    }
  }

  /** Stops approving joins, and settles the returned messages. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await closeAll(
      () => this.#worker?.close(),
      () => this.#settle(),
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
    await this.#settle();
    return { inbox, deadline: { until, signal }, timeoutMs };
  }

  /** Reads to the current end of the log. Returns false if the relay does not answer; only stored messages are available then. */
  async #readToEnd(deadline: Deadline): Promise<boolean> {
    const end = await logEnd(this.channel, deadline);
    if (end !== undefined) await readTo(end, this.channel, deadline);
    return end !== undefined;
  }

  /** @throws if no further messages can arrive */
  #checkGoesOn({ ended }: Inbox): void {
    if (this.#isClosed) throw new TransportError("closed", "the manager is closed");
    if (ended !== undefined) throw ended.error ?? new ChannelError("removed", `this agent has left the channel ${this.channel.name}`);
  }

  #take(inbox: Inbox): readonly InboxItem[] {
    const taken = inbox.take(this.#accepts);
    this.#returned = [...this.#returned, ...taken];
    if (this.#undeleted.size === 0) return taken;
    return taken.filter(({ message }) => !this.#undeleted.delete(message.id));
  }

  /** Reports messages that are returned. */
  #returning(messages: readonly ChannelMessage[]): readonly ChannelMessage[] {
    const { telemetry } = this.channel;
    if (telemetry !== undefined) {
      for (const { data, id, sender, sequence } of messages) telemetry.received(data, { id, from: identityName(sender), sequence });
    }
    return messages;
  }

  /** Leaves a taken message for a later call. */
  #keep(inbox: Inbox, item: InboxItem | undefined): undefined {
    if (item === undefined) return;
    this.#returned = this.#returned.filter((other) => other !== item);
    inbox.giveBack(item);
  }

  async #settle(): Promise<void> {
    const items = this.#returned;
    this.#returned = [];
    try {
      await this.channel.inbox?.settle(items);
    } catch {
      // The channel ends with this error, and reports it.
      for (const { message } of items) this.#undeleted.add(message.id);
    }
  }
}

/** Waits for a change of an inbox. Returns false after the deadline. @throws the signal's reason */
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
