import { ParleyError } from "@parley/core";
import { type AuditGap, gapRow } from "../audit/audit-gap.ts";
import { closeAll } from "@parley/core/internal";
import { type ApplicationMessage, type CommitMessage, type GroupRow, inspectMessage, type ProcessedMessage } from "@parley/mls-engine";
import { RangeGoneError, type RelayMessage, sequenceAfter, type Subscription } from "@parley/skytale-relay";
import { type ChannelContext, RETAINED_EPOCHS } from "./channel-context.ts";
import { ChannelError, MlsError } from "../errors.ts";
import { toChannelError, toPublicError } from "../error-mapping.ts";
import { deletionsOf, type Inbox } from "./inbox.ts";
import { isEqual } from "./channel-member.ts";
import { messageOf, type ChannelMessage } from "./channel-message.ts";
import { type AppliedEntry, decodeCursor, encodeCursor, entryHash, type LogCursor } from "./log-cursor.ts";
import { CURSOR_ROW, ENDED_ROWS, JOINED_ROW, valueNumber } from "./rows.ts";
import { unknownCommit } from "./group-changes.ts";
import { ForkDetector, unusableEntryKind } from "./unusable-entry.ts";

/** Callbacks to the other parts of a channel. */
export interface LogReaderListener {
  /**
   * Called for each entry. If it is a message that this agent sent, the send is finished or repeated. Returns whether it is one: it is not
   * processed then.
   *
   * @throws ChannelError `fork` if the relay acknowledged another entry with this sequence number
   */
  claimOwn(entry: RelayMessage): boolean;
  /** The relay has evicted or removed entries: those from `first` up to, not including, `next`. Called before the position advances. */
  evicted(first: number, next: number): void;
  /** The relay has replaced its log, which is read from its start. */
  rewound(): void;
  /** A commit took effect. */
  committed(commit: CommitMessage, entry: RelayMessage): void;
  /** The log has a commit that claims to be from this agent and is missing in its state. */
  doubtful(sequence: number): void;
  /** A proposal was received. */
  proposed(): void;
  caughtUp(): void;
  /** Reading has ended: with an error, or without one if the channel was closed or this agent was removed. */
  ended(error?: Error): void;
}

/** Number of applied entries after which the cursor is written, if no other write included it. */
const PERSIST_EVERY = 256;
const BUFFER_BYTES = 1024 * 1024;

/**
 * Reads a channel's log and applies it to the group, entry by entry. Each entry changes group, inbox and cursor in one atomic write, so a
 * crash neither loses nor repeats a decryption.
 */
export class LogReader {
  readonly #context: ChannelContext;
  readonly #inbox: Inbox | undefined;
  readonly #listener: LogReaderListener;
  readonly #joinedEpoch: bigint;
  readonly #forks = new ForkDetector();
  #subscription: Subscription | undefined;
  /** Whether the log was read, or scanned, to the end that it had when the channel was opened. */
  #wasCaughtUp = false;
  /** Where to start reading the log that replaced the former one. */
  #rewindTo: number | undefined;
  /** The last applied entry. */
  #last: AppliedEntry | undefined;
  /** The last entry applied before the connection was opened. The log must still contain it. */
  #anchor: AppliedEntry | undefined;
  /** Number of entries applied since the cursor was written; -1 while an entry is applied that was written with the cursor after it. */
  #unwritten = 0;
  #running: Promise<void> = Promise.resolve();

  /** @param inbox if `undefined`, received messages are dropped. */
  constructor(context: ChannelContext, inbox: Inbox | undefined, listener: LogReaderListener) {
    this.#context = context;
    this.#inbox = inbox;
    this.#listener = listener;
    const { last } = decodeCursor(context.group.row(CURSOR_ROW));
    this.#last = last;
    this.#anchor = last;
    this.#joinedEpoch = valueNumber(context.group.row(JOINED_ROW)) ?? 0n;
  }

  /** Subscribes to the log, and applies its entries until {@link LogReader.stop}. */
  start(): void {
    this.#running = this.#run();
  }

  /** The connection was lost. After the reconnect, the relay may have another log. */
  connectionLost(): void {
    this.#anchor = this.#last;
  }

  /** Resolves when the current entry is applied and the cursor is on disk. */
  async stop(): Promise<void> {
    const writeCursor = async (): Promise<void> => {
      if (this.#unwritten === 0) return;
      await this.#context.group.writeRows(this.#cursorRows({ next: this.#context.position.next, last: this.#last }));
    };
    await closeAll(
      () => this.#subscription?.close(),
      () => this.#running,
      writeCursor,
    );
  }

  async #run(): Promise<void> {
    try {
      while (await this.#follow());
      this.#listener.ended();
    } catch (error) {
      this.#listener.ended(toChannelError(error, this.#context.name));
    }
  }

  /** Reads the log from the current position. Returns true if reading continues at another position. */
  async #follow(): Promise<boolean> {
    const { name, relay, position, events, closed } = this.#context;
    try {
      this.#subscription = relay.subscribe(name, {
        from: position.next,
        bufferBytes: BUFFER_BYTES,
        onCaughtUp: (next) => this.#onCaughtUp(next),
      });
      for await (const entry of this.#subscription) {
        if (entry.kind === "evicted") {
          await this.#passEvicted(entry);
          continue;
        }
        await this.#untilRoom();
        if (closed.aborted) return false;
        if (!(await this.#apply(entry))) return false;
      }
      if (this.#rewindTo === undefined || closed.aborted) return false;
      this.#listener.rewound();
      this.#context.late.clear();
      await this.#recordGap();
      this.#last = undefined;
      this.#anchor = undefined;
      this.#advance(this.#rewindTo);
      this.#rewindTo = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof RangeGoneError) || error.firstSequence <= position.next) throw error;
      // The dropped entries may include messages of this agent that a restored data directory lacks.
      await this.#context.group.requireUpdate();
      const gone = `the relay no longer has entries ${position.next} to ${error.firstSequence - 1} of the channel's log`;
      this.#listener.evicted(position.next, error.firstSequence);
      await this.#recordGap();
      events.onError?.(name, new ChannelError("log_lost", gone, { cause: error }));
      this.#advance(error.firstSequence);
      return true;
    }
  }

  #onCaughtUp(next: number): void {
    this.#context.position.setTarget(next);
    if (this.#context.position.isCaughtUp) this.#caughtUp();
  }

  #caughtUp(): void {
    this.#wasCaughtUp = true;
    this.#listener.caughtUp();
    void this.#compareLog().catch(() => undefined);
  }

  /**
   * Checks that the relay still has the last applied entry. If it lost its log or a part of it, its new log is read from the start; the
   * engine recognizes entries that were applied before. Failures are ignored: the check is repeated after the next reconnect.
   */
  async #compareLog(): Promise<void> {
    const { name, relay, events, closed } = this.#context;
    const anchor = this.#anchor;
    if (anchor === undefined) return;
    const { messages, head } = await relay.fetchRange(name, { from: anchor.sequence, limit: 1, signal: closed });
    const [found] = messages;
    // Evicted entries cannot be compared. A relay that lost its log does not have them.
    if (found?.kind === "evicted") return;
    if (closed.aborted || (found !== undefined && isEqual(entryHash(found.payload), anchor.hash))) return;
    const lost = `entry ${anchor.sequence} of the relay's log is missing, or differs from the entry that was read before`;
    events.onError?.(name, new ChannelError("log_lost", lost));
    this.#rewindTo = Math.max(head.first, 1);
    await this.#subscription?.close();
  }

  async #untilRoom(): Promise<void> {
    if (this.#inbox?.isFull !== true) return;
    await this.#scanAhead();
    if (!this.#inbox.isFull) return;
    this.#context.position.stall(true);
    await this.#inbox.whenNotFull();
    this.#context.position.stall(false);
  }

  /**
   * Scans the log from the full inbox to its end for messages of this agent, before it sends. They reveal that the data directory is an
   * older copy, which must not use the same keys again.
   */
  async #scanAhead(): Promise<void> {
    const { name, relay, position, group, closed } = this.#context;
    for (let from = position.next; !this.#wasCaughtUp && this.#inbox?.isFull === true && !closed.aborted;) {
      try {
        const { messages, head } = await relay.fetchRange(name, { from, signal: closed });
        for (const { kind, epoch, payload } of messages) {
          if (kind === "evicted") await group.requireUpdate();
          if (kind === "application" && epoch === group.epoch) await this.#detectingRollback(() => group.detectRollback(payload));
        }
        const last = messages.at(-1);
        from = last === undefined ? head.next : sequenceAfter(last);
        this.#wasCaughtUp = from >= head.next;
      } catch (error) {
        if (error instanceof RangeGoneError && error.firstSequence > from) {
          await group.requireUpdate();
          from = error.firstSequence;
        } else if (error instanceof ParleyError && error.retryable) await position.whenConnected(closed);
        else throw error;
      }
    }
  }

  /** Runs a step, and reports if it detects that the data directory is an older copy. */
  async #detectingRollback<T>(step: () => Promise<T>): Promise<T> {
    const { group, name, events } = this.#context;
    const knew = group.needsUpdate;
    try {
      return await step();
    } finally {
      if (!knew && group.needsUpdate) events.onError?.(name, rolledBack());
    }
  }

  /** Skips messages that the relay has evicted: they were of an account that had the most messages in the log. */
  async #passEvicted(entry: RelayMessage): Promise<void> {
    const { name, position, group, events, closed } = this.#context;
    const next = sequenceAfter(entry);
    // As above: they may include messages of this agent that a restored data directory lacks. In the epoch of the new keys, messages can be
    // decrypted however many of their sender are missing.
    await group.requireUpdate();
    if (closed.aborted) return;
    this.#listener.evicted(entry.sequence, next);
    const gone = `the relay has evicted entries ${entry.sequence} to ${next - 1} of the channel's log, which holds too many of their account`;
    events.onSkipped?.(name, { sequence: entry.sequence, count: next - entry.sequence, error: new ChannelError("log_lost", gone) });
    const wasCaughtUp = position.isCaughtUp;
    this.#advance(next);
    await this.#recordGap();
    await group.writeRows(this.#cursorRows({ next, last: this.#last }));
    this.#unwritten = 0;
    if (!wasCaughtUp && position.isCaughtUp) this.#caughtUp();
  }

  /** Applies an entry. Returns false if no later entry can be applied. */
  async #apply(entry: RelayMessage): Promise<boolean> {
    const { position, group, late, audit } = this.#context;
    const wasCaughtUp = position.isCaughtUp;
    const cursor = { next: entry.sequence + 1, last: { sequence: entry.sequence, hash: entryHash(entry.payload) } };
    // Written together with the cursor that marks the entry as applied.
    if (entry.kind === "application" && group.epoch - entry.epoch > RETAINED_EPOCHS) late.add(entry.sequence, entry.key);
    const sent = audit?.findSent(cursor.last.hash);
    if (!this.#claimOwn(entry) && !(await this.#process(entry, cursor))) return false;
    if (audit !== undefined && sent !== undefined) {
      const isLate = group.epoch - sent.epoch > RETAINED_EPOCHS;
      await this.#write(cursor, () => audit.recorded(sent, cursor.last.hash, { sequence: entry.sequence, isLate }));
    }
    this.#last = cursor.last;
    this.#advance(entry.sequence + 1);
    if (this.#unwritten >= PERSIST_EVERY) {
      await group.writeRows(this.#cursorRows(cursor));
      this.#unwritten = 0;
    }
    if (!wasCaughtUp && position.isCaughtUp) this.#caughtUp();
    return true;
  }

  #claimOwn(entry: RelayMessage): boolean {
    const { name, events } = this.#context;
    try {
      return this.#listener.claimOwn(entry);
    } catch (error) {
      events.onError?.(name, toPublicError(error));
      return false;
    }
  }

  async #process(entry: RelayMessage, next: LogCursor & { readonly last: AppliedEntry }): Promise<boolean> {
    const { group, name, events, audit } = this.#context;
    const { onDecrypted } = events;
    const startedAt = onDecrypted === undefined ? 0 : performance.now();
    // Set by storeWith, which the engine calls once it has decrypted the entry.
    let message: ChannelMessage | undefined;
    let isFromFormerMember = false;
    const storeWith = (result: ProcessedMessage): readonly GroupRow[] => {
      const settled = this.#inbox?.takeSettled() ?? [];
      const rows = [...this.#cursorRows(next), ...deletionsOf(settled)];
      const recorded = audit === undefined ? [] : settled.map((item) => audit.handled(item.message));
      if (result.kind === "commit" && result.isRemoved) rows.push(...ENDED_ROWS);
      if (result.kind === "application") {
        isFromFormerMember = this.#isFromFormerMember(result);
        const received = messageOf(result, entry, next.last.hash);
        const code = isFromFormerMember ? "epoch_mismatch" : "receive_off";
        if (this.#inbox !== undefined && !isFromFormerMember) {
          message = received;
          rows.push(this.#inbox.row(message));
        }
        if (audit !== undefined) recorded.push(message === undefined ? audit.refused(received, code) : audit.delivered(message));
      }
      return audit === undefined ? rows : [...rows, ...audit.append(recorded)];
    };
    try {
      const result = await this.#detectingRollback(() => group.process(entry.payload, { commitWith: storeWith }));
      if (result.kind === "application") onDecrypted?.(name, performance.now() - startedAt);
      // The cursor was written with this entry, and #advance counts the entry.
      this.#unwritten = -1;
      if (message !== undefined) this.#inbox?.add(message);
      if (isFromFormerMember)
        this.#skip(entry.sequence, new MlsError("epoch_mismatch", "the message was recorded after its sender was removed"));
      return this.#processed(result, entry);
    } catch (error) {
      return await this.#rejected(error, entry, next);
    }
  }

  /** Keys of past epochs are kept for late messages. A member removed since has them too; its messages are rejected. */
  #isFromFormerMember({ epoch, senderMember }: ApplicationMessage): boolean {
    const { group } = this.#context;
    return epoch !== group.epoch && !group.members.some(({ signatureKey }) => isEqual(signatureKey, senderMember.signatureKey));
  }

  #processed(result: ProcessedMessage, entry: RelayMessage): boolean {
    if (result.kind !== "application" || result.epoch === this.#context.group.epoch) this.#forks.readable();
    if (result.kind === "commit") this.#listener.committed(result, entry);
    if (result.kind === "proposal") this.#listener.proposed();
    return result.kind !== "commit" || !result.isRemoved;
  }

  async #rejected(
    error: unknown,
    { sequence, epoch, payload, kind }: RelayMessage,
    next: LogCursor & { readonly last: AppliedEntry },
  ): Promise<boolean> {
    const { name, events, audit } = this.#context;
    const verdict = unusableEntryKind(error);
    // An own message that is not known was sent without `audit`.
    const isRecorded = audit === undefined || audit.findSent(next.last.hash) !== undefined;
    if (!isRecorded && verdict === "own" && kind === "application") await this.#recordGap("audit_off");
    if (verdict === "over") throw error;
    if (verdict === "own" && kind === "commit") {
      this.#listener.doubtful(sequence);
      this.#skip(sequence, unknownCommit(sequence));
    }
    const isReported = verdict === "repeated" || verdict === "unreadable" || verdict === "past" || verdict === "far";
    if (!isReported || epoch < this.#joinedEpoch) return true;
    const reason = toPublicError(error);
    this.#skip(sequence, reason);
    if (!isRecorded && verdict !== "repeated")
      await this.#write(next, () => audit.unread(next.last.hash, sequence, ParleyError.from(reason).code));
    if (verdict === "unreadable" && this.#isOfGroup(payload) && this.#forks.unreadable()) events.onError?.(name, forked());
    return true;
  }

  #skip(sequence: number, error: Error): void {
    this.#context.events.onSkipped?.(this.#context.name, { sequence, error });
  }

  /** Whether the header of an entry names this group. */
  #isOfGroup(payload: Uint8Array): boolean {
    try {
      const { groupId } = inspectMessage(payload);
      return groupId !== undefined && isEqual(groupId, this.#context.group.id);
    } catch {
      return false;
    }
  }

  /** Writes rows with the cursor after the entry that they are about. */
  async #write(cursor: LogCursor, rows: () => readonly GroupRow[]): Promise<void> {
    await this.#context.group.writeRows(() => [...this.#cursorRows(cursor), ...rows()], { durability: "soon" });
    // As for an entry that was decrypted: #advance counts it.
    this.#unwritten = -1;
  }

  /** The audit chain does not have what was in the log before the next entry. */
  async #recordGap(code: AuditGap = "log_lost"): Promise<void> {
    if (this.#context.audit !== undefined) await this.#context.group.writeRows([gapRow(code)], { durability: "soon" });
  }

  #advance(next: number): void {
    this.#unwritten++;
    this.#context.position.advance(next);
  }

  #cursorRows(cursor: LogCursor): readonly GroupRow[] {
    return [{ key: CURSOR_ROW, value: encodeCursor(cursor) }, ...this.#context.late.takeRows()];
  }
}

function rolledBack(): ChannelError {
  const cause =
    "the data directory is an older copy: this agent has sent messages since, such as before a backup was restored, or from another copy";
  return new ChannelError("rolled_back", `${cause}: its keys are replaced before it sends`);
}

function forked(): ChannelError {
  const meaning = "the relay may have shown them another log, or an account publishes garbage";
  return new ChannelError("fork", `messages of other members cannot be decrypted: ${meaning}`);
}
