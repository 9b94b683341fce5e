import type { ChannelAudit } from "../audit/channel-audit.ts";
import type { GroupRow, MlsGroup } from "@parley/mls-engine";
import { deferred, type Deferred } from "@parley/core/internal";
import type { ChannelLimits } from "../client-options.ts";
import { toPublicError } from "../error-mapping.ts";
import { decodeStored, encodeStored, type ChannelMessage } from "./channel-message.ts";
import { INBOX_PREFIX, numberedKey, numberOf } from "./rows.ts";

export type InboxLimits = Pick<ChannelLimits, "maxMessages" | "maxBytes">;

/** Settled messages are deleted together with the next write, or after this many milliseconds. */
const DELETE_DELAY_MS = 20;

/** A stored message with the key of its row. */
export interface InboxItem {
  readonly key: string;
  readonly message: ChannelMessage;
}

/**
 * Decrypted messages that are not settled, on disk and in memory. A message is written together with the new group state of its decryption, and
 * deleted when it is settled.
 *
 * Two ways to receive: an iteration, which settles a message when the next one is requested, and `take…`, whose callers settle explicitly.
 */
export class Inbox {
  readonly #group: MlsGroup;
  readonly #limits: InboxLimits;
  readonly #onFailure: (error: unknown) => void;
  readonly #audit: ChannelAudit | undefined;
  /** Messages that can be taken, in log order. */
  #items: InboxItem[] = [];
  /** Messages that count towards the limits. */
  readonly #counted = new Set<InboxItem>();
  #bytes = 0;
  #nextIndex = 0;
  #current: InboxItem | undefined;
  #isIterated = false;
  readonly #listeners = new Set<() => void>();
  #waiting: Deferred<IteratorResult<ChannelMessage, undefined>> | undefined;
  #notFull: Deferred<void> | undefined;
  #settledItems: InboxItem[] = [];
  #deleteTimer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  /** The next write of {@link Inbox.settle}. */
  #nextBatch: { readonly items: InboxItem[]; readonly done: Promise<void> } | undefined;
  #settled: Promise<void> = Promise.resolve();
  #isClosed = false;
  #end: { readonly error: Error | undefined } | undefined;

  /** @param onFailure called if settled messages could not be deleted. @param audit records settled messages. */
  constructor(group: MlsGroup, limits: InboxLimits, onFailure: (error: unknown) => void, audit?: ChannelAudit) {
    this.#group = group;
    this.#limits = limits;
    this.#onFailure = onFailure;
    this.#audit = audit;
    for (const key of group.rowKeys(INBOX_PREFIX)) {
      const message = decodeStored(group.row(key) ?? new Uint8Array());
      if (message !== undefined) this.#hold({ key, message });
      this.#nextIndex = numberOf(key, INBOX_PREFIX) + 1;
    }
  }

  /** The row of a message, for the write of its decryption. Call {@link Inbox.add} after the write. */
  row(message: ChannelMessage): GroupRow {
    return { key: numberedKey(INBOX_PREFIX, this.#nextIndex), value: encodeStored(message) };
  }

  /** Settled messages, which the next write of the caller deletes. */
  takeSettled(): readonly InboxItem[] {
    return this.#settledItems.splice(0);
  }

  /** Adds a message whose row was written. */
  add(message: ChannelMessage): void {
    this.#hold({ key: numberedKey(INBOX_PREFIX, this.#nextIndex++), message });
    this.#notify();
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#give(waiting);
  }

  get isFull(): boolean {
    const { size } = this.#counted;
    return size >= this.#limits.maxMessages || (size > 0 && this.#bytes >= this.#limits.maxBytes);
  }

  /** Resolves when the inbox is not full, or has ended. */
  async whenNotFull(): Promise<void> {
    while (this.isFull && this.#end === undefined) await (this.#notFull ??= deferred()).promise;
  }

  /** No further messages are added: iterations end, or throw the error, after the last message. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#continueReading();
    this.#notify();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#give(waiting);
  }

  /** Ends iterations; unsettled messages stay on disk. Resolves when the settled ones are deleted. */
  async close(): Promise<void> {
    this.#items = [];
    this.#isClosed = true;
    this.end();
    await Promise.all([this.#flushNow(), this.#settled.catch(() => undefined)]);
  }

  /** Whether {@link Inbox.close} was called: unsettled messages are delivered after the next opening. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws TypeError if an iteration is running */
  iterate(): AsyncIterableIterator<ChannelMessage, undefined> {
    if (this.#isIterated) throw new TypeError("The messages of this channel are already being iterated; end that iteration first");
    this.#isIterated = true;
    let isOver = false;
    const finish = (): IteratorResult<ChannelMessage, undefined> => {
      if (!isOver) this.#isIterated = false;
      isOver = true;
      return { done: true, value: undefined };
    };
    const iterator: AsyncIterableIterator<ChannelMessage, undefined> = {
      next: async () => {
        if (isOver) return finish();
        if (this.#waiting !== undefined) throw new TypeError("A call of next() is already pending");
        try {
          const result = await this.#take();
          return result.done === true ? finish() : result;
        } catch (error) {
          finish();
          throw error;
        }
      },
      return: async () => {
        if (isOver) return finish();
        this.#settleCurrent();
        const waiting = this.#waiting;
        this.#waiting = undefined;
        waiting?.resolve({ done: true, value: undefined });
        finish();
        await this.#flushNow();
        return finish();
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Set when no further messages are added, with the error that the channel ended with, if any. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.#end;
  }

  /** Calls `listener` when a message is added and when the inbox ends. Returns a function that unsubscribes. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes all accepted messages. They stay on disk until {@link Inbox.settle}, but no longer count towards the limits. */
  take(accepts: (message: ChannelMessage) => boolean = () => true): readonly InboxItem[] {
    const taken: InboxItem[] = [];
    const left: InboxItem[] = [];
    for (const item of this.#items) (accepts(item.message) ? taken : left).push(item);
    this.#items = left;
    for (const item of taken) this.#uncount(item);
    return taken;
  }

  /** Whether a message is accepted. */
  has(accepts: (message: ChannelMessage) => boolean): boolean {
    return this.#items.some(({ message }) => accepts(message));
  }

  /** Takes the first accepted message. It stays on disk, and counts towards the limits, until {@link Inbox.settle}. */
  takeFirst(accepts: (message: ChannelMessage) => boolean): InboxItem | undefined {
    const index = this.#items.findIndex(({ message }) => accepts(message));
    return index === -1 ? undefined : this.#items.splice(index, 1)[0];
  }

  /** Returns a taken message to its position. */
  giveBack(item: InboxItem): void {
    if (this.#isClosed) return;
    const index = this.#items.findIndex(({ key }) => key >= item.key);
    if (this.#items[index] === item) return;
    this.#items.splice(index === -1 ? this.#items.length : index, 0, item);
    this.#count(item);
    this.#notify();
  }

  /** Settles messages. Resolves when they are deleted from the disk. @throws ChannelError `storage_failed` */
  async settle(items: readonly InboxItem[]): Promise<void> {
    if (items.length === 0) return;
    for (const item of items) {
      const index = this.#items.indexOf(item);
      if (index !== -1) this.#items.splice(index, 1);
      this.#uncount(item);
    }
    const batch = (this.#nextBatch ??= this.#startBatch());
    batch.items.push(...items);
    await batch.done;
  }

  /** Collects the messages settled during one write into the next write. */
  #startBatch(): { readonly items: InboxItem[]; readonly done: Promise<void> } {
    const items: InboxItem[] = [];
    const write = async (before: Promise<void>): Promise<void> => {
      await before.catch(() => undefined);
      this.#nextBatch = undefined;
      try {
        await this.#delete(items);
      } catch (error) {
        this.#onFailure(error);
        throw toPublicError(error);
      }
    };
    this.#settled = write(this.#settled);
    return { items, done: this.#settled };
  }

  #delete(items: readonly InboxItem[]): Promise<void> {
    const audit = this.#audit;
    const rows = deletionsOf(items);
    if (audit === undefined) return this.#group.writeRows(rows);
    return this.#group.writeRows(() => [...rows, ...audit.append(items.map(({ message }) => audit.handled(message)))]);
  }

  #take(): Promise<IteratorResult<ChannelMessage, undefined>> {
    this.#settleCurrent();
    const turn = deferred<IteratorResult<ChannelMessage, undefined>>();
    this.#give(turn);
    return turn.promise;
  }

  /** Resolves a pending call of `next()`, if a message is available or the inbox has ended. */
  #give(turn: Deferred<IteratorResult<ChannelMessage, undefined>>): void {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#current = item;
      turn.resolve({ done: false, value: item.message });
    } else if (this.#end === undefined) this.#waiting = turn;
    else if (this.#end.error === undefined) turn.resolve({ done: true, value: undefined });
    else turn.reject(this.#end.error);
  }

  #hold(item: InboxItem): void {
    this.#items.push(item);
    this.#count(item);
  }

  #count(item: InboxItem): void {
    if (this.#counted.has(item)) return;
    this.#counted.add(item);
    this.#bytes += item.message.data.length;
  }

  /** Settles the message that the iteration returned last. */
  #settleCurrent(): void {
    const item = this.#current;
    if (item === undefined) return;
    this.#current = undefined;
    this.#uncount(item);
    this.#settledItems.push(item);
    this.#deleteTimer ??= setTimeout(() => void this.#flushNow(), DELETE_DELAY_MS);
  }

  /** The message no longer counts towards the limits. */
  #uncount(item: InboxItem): void {
    if (!this.#counted.delete(item)) return;
    this.#bytes -= item.message.data.length;
    if (!this.isFull) this.#continueReading();
  }

  async #flushNow(): Promise<void> {
    clearTimeout(this.#deleteTimer);
    this.#deleteTimer = undefined;
    if (this.#settledItems.length > 0) this.#flushing ??= this.#flush();
    await this.#flushing;
  }

  /** Deletes settled messages: all that were settled during one write, in the next write. */
  async #flush(): Promise<void> {
    try {
      while (this.#settledItems.length > 0) await this.#delete(this.#settledItems.splice(0));
    } catch (error) {
      this.#onFailure(error);
    } finally {
      // In the same synchronous step as the last check of the loop, so that no row is missed.
      this.#flushing = undefined;
    }
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #continueReading(): void {
    this.#notFull?.resolve();
    this.#notFull = undefined;
  }
}

/** The rows that delete messages. */
export function deletionsOf(items: readonly InboxItem[]): readonly GroupRow[] {
  return items.map(({ key }) => ({ key, value: undefined }));
}
