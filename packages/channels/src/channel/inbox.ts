import type { GroupRow, MlsGroup } from "@parley/mls-engine";
import { deferred, type Deferred } from "@parley/core/internal";
import type { ChannelLimits } from "../client-options.ts";
import { toPublicError } from "../error-mapping.ts";
import { decodeStored, encodeStored, type ChannelMessage } from "./channel-message.ts";
import { INBOX_PREFIX, numberedKey, numberOf } from "./rows.ts";

export type InboxLimits = Pick<ChannelLimits, "maxMessages" | "maxBytes">;

/** What was taken is removed from the disk with the next message that comes, or by itself after so many milliseconds. */
const ACK_DELAY_MS = 20;

/** A message as it is kept. */
export interface InboxItem {
  readonly key: string;
  readonly message: ChannelMessage;
}

/**
 * Messages that were decrypted and not taken yet: on disk, and in memory. Each is written together with the change of the group's state
 * that its decryption is, and removed when its taker asks for the next one.
 */
export class Inbox {
  readonly #group: MlsGroup;
  readonly #limits: InboxLimits;
  readonly #onFailure: (error: unknown) => void;
  /** What can be taken, in the order of the log. */
  #items: InboxItem[] = [];
  /** What waits to be taken, or was taken to be settled. */
  readonly #counted = new Set<InboxItem>();
  #bytes = 0;
  #nextIndex = 0;
  #inHand: InboxItem | undefined;
  #isIterated = false;
  readonly #listeners = new Set<() => void>();
  #waiting: Deferred<IteratorResult<ChannelMessage, undefined>> | undefined;
  #room: Deferred<void> | undefined;
  #acked: GroupRow[] = [];
  #ackTimer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  /** What is released with the next write. */
  #releasing: { readonly rows: GroupRow[]; readonly done: Promise<void> } | undefined;
  #released: Promise<void> = Promise.resolve();
  #isClosed = false;
  #end: { readonly error: Error | undefined } | undefined;

  /** @param onFailure what was taken could not be removed. */
  constructor(group: MlsGroup, limits: InboxLimits, onFailure: (error: unknown) => void) {
    this.#group = group;
    this.#limits = limits;
    this.#onFailure = onFailure;
    for (const key of group.rowKeys(INBOX_PREFIX)) {
      const message = decodeStored(group.row(key) ?? new Uint8Array());
      if (message !== undefined) this.#hold({ key, message });
      this.#nextIndex = numberOf(key, INBOX_PREFIX) + 1;
    }
  }

  /** The row that holds a message; to be stored in one write with what made it, and followed by {@link Inbox.add}. */
  row(message: ChannelMessage): GroupRow {
    return { key: numberedKey(INBOX_PREFIX, this.#nextIndex), value: encodeStored(message) };
  }

  /** Rows by which it is known on disk what was taken; to be stored with the next write. */
  takeAcknowledged(): readonly GroupRow[] {
    return this.#acked.splice(0);
  }

  /** The row of a message is stored. */
  add(message: ChannelMessage): void {
    this.#hold({ key: numberedKey(INBOX_PREFIX, this.#nextIndex++), message });
    this.#tellChange();
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#give(waiting);
  }

  get isFull(): boolean {
    const { size } = this.#counted;
    return size >= this.#limits.maxMessages || (size > 0 && this.#bytes >= this.#limits.maxBytes);
  }

  /** Resolves when a message can be added, or the inbox has ended. */
  async room(): Promise<void> {
    while (this.isFull && this.#end === undefined) await (this.#room ??= deferred()).promise;
  }

  /** Nothing comes any more: iterations end, or throw the error, after what is there. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wakeRoom();
    this.#tellChange();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#give(waiting);
  }

  /** Iterations end now; what wasn't taken stays on disk. Resolves when it is known there what was taken. */
  async close(): Promise<void> {
    this.#items = [];
    this.#isClosed = true;
    this.end();
    await Promise.all([this.#flushNow(), this.#released.catch(() => undefined)]);
  }

  /** Whether {@link Inbox.close} was called: what wasn't taken is for another life. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws TypeError when there is an iteration already */
  iterate(): AsyncIterableIterator<ChannelMessage, undefined> {
    if (this.#isIterated) throw new TypeError("The messages of a channel are iterated already; end that iteration first");
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
        if (this.#waiting !== undefined) throw new TypeError("Somebody waits for the next message already");
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
        this.#acknowledge();
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

  /** What nothing comes after any more, once all is taken: with the error that it ended with, if any. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.#end;
  }

  /** Calls a listener when a message is added, or the inbox ends, until the function that it gives is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes all that are there, or those of them that are accepted. They stay on disk until {@link Inbox.release}. */
  take(accepts: (message: ChannelMessage) => boolean = () => true): readonly InboxItem[] {
    const taken: InboxItem[] = [];
    const left: InboxItem[] = [];
    for (const item of this.#items) (accepts(item.message) ? taken : left).push(item);
    this.#items = left;
    for (const item of taken) this.#uncount(item);
    return taken;
  }

  /** Whether there is one that is accepted. */
  has(accepts: (message: ChannelMessage) => boolean): boolean {
    return this.#items.some(({ message }) => accepts(message));
  }

  /** Takes the first that is accepted. It is on disk, and takes up room, until {@link Inbox.release}. */
  takeFirst(accepts: (message: ChannelMessage) => boolean): InboxItem | undefined {
    const index = this.#items.findIndex(({ message }) => accepts(message));
    return index === -1 ? undefined : this.#items.splice(index, 1)[0];
  }

  /** Puts back what was taken, where it was. */
  giveBack(item: InboxItem): void {
    if (this.#isClosed) return;
    const index = this.#items.findIndex(({ key }) => key >= item.key);
    if (this.#items[index] === item) return;
    this.#items.splice(index === -1 ? this.#items.length : index, 0, item);
    this.#count(item);
    this.#tellChange();
  }

  /** These are done with, and make room. Resolves when it is known on disk. @throws what keeps it from being */
  async release(items: readonly InboxItem[]): Promise<void> {
    if (items.length === 0) return;
    for (const item of items) {
      const index = this.#items.indexOf(item);
      if (index !== -1) this.#items.splice(index, 1);
      this.#uncount(item);
    }
    const batch = (this.#releasing ??= this.#nextRelease());
    for (const { key } of items) batch.rows.push({ key, value: undefined });
    await batch.done;
  }

  /** All that is released while another write goes on is in one. */
  #nextRelease(): { readonly rows: GroupRow[]; readonly done: Promise<void> } {
    const rows: GroupRow[] = [];
    const write = async (before: Promise<void>): Promise<void> => {
      await before.catch(() => undefined);
      this.#releasing = undefined;
      try {
        await this.#group.writeRows(rows);
      } catch (error) {
        this.#onFailure(error);
        throw toPublicError(error);
      }
    };
    this.#released = write(this.#released);
    return { rows, done: this.#released };
  }

  #take(): Promise<IteratorResult<ChannelMessage, undefined>> {
    this.#acknowledge();
    const turn = deferred<IteratorResult<ChannelMessage, undefined>>();
    this.#give(turn);
    return turn.promise;
  }

  /** Settles who waits, if there is something to settle them with. */
  #give(turn: Deferred<IteratorResult<ChannelMessage, undefined>>): void {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#inHand = item;
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

  /** The message in hand is done with. */
  #acknowledge(): void {
    const item = this.#inHand;
    if (item === undefined) return;
    this.#inHand = undefined;
    this.#uncount(item);
    this.#acked.push({ key: item.key, value: undefined });
    this.#ackTimer ??= setTimeout(() => void this.#flushNow(), ACK_DELAY_MS);
  }

  /** It makes room for others. */
  #uncount(item: InboxItem): void {
    if (!this.#counted.delete(item)) return;
    this.#bytes -= item.message.data.length;
    if (!this.isFull) this.#wakeRoom();
  }

  async #flushNow(): Promise<void> {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#acked.length > 0) this.#flushing ??= this.#flush();
    await this.#flushing;
  }

  /** Removes what was taken, all of it that has come together meanwhile in one write. */
  async #flush(): Promise<void> {
    try {
      while (this.#acked.length > 0) await this.#group.writeRows(this.#acked.splice(0));
    } catch (error) {
      this.#onFailure(error);
    } finally {
      // In the same step as the last look at what there is, so that nothing is left behind.
      this.#flushing = undefined;
    }
  }

  #tellChange(): void {
    for (const listener of this.#listeners) listener();
  }

  #wakeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
