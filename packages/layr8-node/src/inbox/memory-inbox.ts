import { TimeSlice } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import { Deadlines } from "../deadlines.ts";
import type { Appended, Depth, Inbox, InboxLimits, InboxMessage, IncomingMessage, ReadOptions } from "./inbox.ts";
import { inboxMessage } from "./inbox-message.ts";
import { checkRoom, inboxLimits, type InboxOptions } from "./inbox-limits.ts";
import { OwnerUsage } from "./owner-usage.ts";
import { fingerprintOf, RecentMessages, type MessageIdentity } from "./recent-messages.ts";

/** Memory is as durable as this store gets. */
const DURABLE = Promise.resolve();

interface Box {
  readonly recipient: string;
  /** No message expires before this time. */
  expiresAt: number;
  /** By seq, ascending. */
  readonly messages: Map<number, InboxMessage>;
  length: number;
  readonly owner: string | undefined;
}

/** Inboxes in memory, for tests and evaluation. Messages are lost on a restart. */
export class MemoryInbox implements Inbox {
  readonly #limits: InboxLimits;
  readonly #now: () => number;
  readonly #ownerOf: NonNullable<InboxOptions["ownerOf"]>;
  readonly #usage = new OwnerUsage();
  readonly #local: RecentMessages;
  readonly #remote: RecentMessages;
  readonly #boxes = new Map<string, Box>();
  readonly #deadlines: Deadlines<Box>;
  #lastSeq = 0;
  #closed = false;

  constructor(options: InboxOptions = {}) {
    this.#limits = inboxLimits(options.limits);
    this.#now = options.now ?? Date.now;
    this.#ownerOf = options.ownerOf ?? (() => undefined);
    this.#deadlines = new Deadlines(this.#now());
    const { deduplicationMs, remoteDeduplicationMs, maxRemembered } = this.#limits;
    this.#local = new RecentMessages(deduplicationMs, maxRemembered, this.#now());
    this.#remote = new RecentMessages(remoteDeduplicationMs, maxRemembered, this.#now());
  }

  async append(message: IncomingMessage): Promise<Appended> {
    this.#assertOpen();
    const now = this.#now();
    const fingerprint = fingerprintOf(message);
    const recent = message.remote === true ? this.#remote : this.#local;
    if (recent.has(fingerprint, now)) return { status: "duplicate" };
    const { length } = message.plaintext;
    const depths = { recipient: this.depth(message.recipient), owner: this.ownerDepth(message.recipient) };
    const room = checkRoom(length, depths, this.#limits);
    if (!room.ok) return { status: "full", of: room.of };
    const box = this.#boxes.get(message.recipient) ?? newBox(message.recipient, this.#ownerOf(message.recipient));
    this.#boxes.set(message.recipient, box);
    recent.add(fingerprint, now);
    const stored = inboxMessage(message, ++this.#lastSeq, 0);
    box.messages.set(stored.seq, stored);
    box.length += length;
    this.#usage.change(box.owner, 1, length);
    if (stored.expiresAt < box.expiresAt) this.#setExpiry(box, stored.expiresAt);
    return { status: "stored", message: stored, durable: DURABLE };
  }

  async remembers(message: MessageIdentity): Promise<boolean> {
    this.#assertOpen();
    return this.#remote.has(fingerprintOf(message), this.#now());
  }

  async read(recipient: string, { after, limit, maxLength }: ReadOptions): Promise<readonly InboxMessage[]> {
    this.#assertOpen();
    const found: InboxMessage[] = [];
    let length = 0;
    for (const message of this.#boxes.get(recipient)?.messages.values() ?? []) {
      if (message.seq <= after) continue;
      if (found.length >= limit || length > maxLength) break;
      found.push(message);
      length += message.plaintext.length;
    }
    return found;
  }

  async settle(recipient: string, seqs: readonly number[]): Promise<void> {
    this.#assertOpen();
    const box = this.#boxes.get(recipient);
    if (box === undefined) return;
    for (const seq of seqs) {
      const message = box.messages.get(seq);
      if (message === undefined) continue;
      const { length } = message.plaintext;
      box.messages.delete(seq);
      box.length -= length;
      this.#usage.change(box.owner, -1, -length);
    }
    if (box.messages.size === 0) this.#boxes.delete(recipient);
  }

  async recordAttempts(recipient: string, seq: number, attempts: number): Promise<void> {
    this.#assertOpen();
    const messages = this.#boxes.get(recipient)?.messages;
    const message = messages?.get(seq);
    if (message !== undefined) messages?.set(seq, { ...message, attempts });
  }

  depth(recipient: string): Depth {
    const box = this.#boxes.get(recipient);
    return { messages: box?.messages.size ?? 0, length: box?.length ?? 0 };
  }

  known(recipient: string): number {
    return this.depth(recipient).messages;
  }

  ownerDepth(recipient: string): Depth {
    return this.#usage.of(this.#boxes.get(recipient)?.owner ?? this.#ownerOf(recipient));
  }

  get size(): number {
    return Array.from(this.#boxes.values()).reduce((sum, { messages }) => sum + messages.size, 0);
  }

  recipients(): readonly string[] {
    return [...this.#boxes.keys()];
  }

  async *expired(now: number): AsyncGenerator<string> {
    const slice = new TimeSlice();
    for (const box of this.#deadlines.due(now)) {
      if (this.#boxes.get(box.recipient) !== box) continue;
      this.#setExpiry(box, Math.min(...Array.from(box.messages.values(), ({ expiresAt }) => expiresAt)));
      if (box.expiresAt <= now) yield box.recipient;
      if (slice.isOver) await slice.next();
    }
  }

  onDamaged(): void {
    // Memory has no damaged records.
  }

  async drop(recipient: string): Promise<void> {
    this.#assertOpen();
    const box = this.#boxes.get(recipient);
    if (box !== undefined) this.#usage.change(box.owner, -box.messages.size, -box.length);
    this.#boxes.delete(recipient);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #setExpiry(box: Box, expiresAt: number): void {
    this.#deadlines.delete(box);
    box.expiresAt = expiresAt;
    this.#deadlines.add(box);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError("storage_failed", "The inbox is closed");
  }
}

function newBox(recipient: string, owner: string | undefined): Box {
  return { recipient, owner, expiresAt: Number.POSITIVE_INFINITY, messages: new Map(), length: 0 };
}
