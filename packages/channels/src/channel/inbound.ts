import { ParleyError } from "@parley/core";
import { closeAll } from "@parley/core/internal";
import { type ApplicationMessage, type CommitMessage, type GroupRow, inspectMessage, type ProcessedMessage } from "@parley/mls-engine";
import { RangeGoneError, type RelayMessage, type Subscription } from "@parley/skytale-relay";
import { type ChannelContext, RETAINED_EPOCHS } from "./channel-context.ts";
import { ChannelError, MlsError } from "../errors.ts";
import { toChannelError, toPublicError } from "../error-mapping.ts";
import type { Inbox } from "./inbox.ts";
import { isEqual } from "./channel-member.ts";
import { messageOf, type ChannelMessage } from "./channel-message.ts";
import { type AppliedEntry, decodeCursor, encodeCursor, entryHash, type LogCursor } from "./log-cursor.ts";
import { CURSOR_ROW, ENDED_ROWS, JOINED_ROW, valueNumber } from "./rows.ts";
import { unknownCommit } from "./group-changes.ts";
import { ForkDetector, unusableEntryKind } from "./unusable-entry.ts";

/** What the rest of a channel is told. */
export interface InboundListener {
  /**
   * Whether an entry is known to be a message that was sent here, and need not be looked at.
   *
   * @throws ChannelError `fork`: it should be, and isn't
   */
  isSentHere(entry: RelayMessage): boolean;
  /** The log is read anew, since it isn't the one that it was. */
  rewound(): void;
  /** A commit is in effect. */
  committed(commit: CommitMessage, entry: RelayMessage): void;
  /** The log has a commit that says it is an own one, and isn't known here. Whether it is can't be told. */
  doubtful(sequence: number): void;
  /** Something waits for a commit. */
  proposed(): void;
  caughtUp(): void;
  /** Nothing is read any more. Without an error the channel was closed. */
  ended(error?: Error): void;
}

/** Entries after which the position is written, when nothing else is. */
const PERSIST_EVERY = 256;
const BUFFER_BYTES = 1024 * 1024;

/** Applies a channel's log to its group, entry by entry: each changes group, inbox and position in one write, or nothing. */
export class Inbound {
  readonly #context: ChannelContext;
  readonly #inbox: Inbox | undefined;
  readonly #listener: InboundListener;
  readonly #joinedEpoch: bigint;
  readonly #forks = new ForkDetector();
  #subscription: Subscription | undefined;
  /** Whether all of the log has been seen that there was when it was opened first. */
  #wasCaughtUp = false;
  /** Where to go on in a log that isn't the one that it was. */
  #rewindTo: number | undefined;
  /** Applied last. */
  #last: AppliedEntry | undefined;
  /** Applied last before the link was opened: what the log must still hold. */
  #anchor: AppliedEntry | undefined;
  /** Applied since the position was last written. */
  #unwritten = 0;
  #running: Promise<void> = Promise.resolve();

  /** @param inbox without one, messages aren't kept. */
  constructor(context: ChannelContext, inbox: Inbox | undefined, listener: InboundListener) {
    this.#context = context;
    this.#inbox = inbox;
    this.#listener = listener;
    const { last } = decodeCursor(context.group.row(CURSOR_ROW));
    this.#last = last;
    this.#anchor = last;
    this.#joinedEpoch = valueNumber(context.group.row(JOINED_ROW)) ?? 0n;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The link is lost. The log that is there when it is opened again may be another one. */
  connectionLost(): void {
    this.#anchor = this.#last;
  }

  /** Resolves when nothing is applied any more, and the position is on disk. */
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

  /** Follows the log. True to go on elsewhere in it. */
  async #follow(): Promise<boolean> {
    const { name, relay, position, events, closed } = this.#context;
    try {
      this.#subscription = relay.subscribe(name, {
        from: position.next,
        bufferBytes: BUFFER_BYTES,
        onCaughtUp: (next) => this.#onCaughtUp(next),
      });
      for await (const entry of this.#subscription) {
        await this.#untilRoom();
        if (closed.aborted) return false;
        if (!(await this.#apply(entry))) return false;
      }
      if (this.#rewindTo === undefined || closed.aborted) return false;
      this.#listener.rewound();
      this.#context.late.clear();
      this.#last = undefined;
      this.#anchor = undefined;
      this.#advance(this.#rewindTo);
      this.#rewindTo = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof RangeGoneError) || error.firstSequence <= position.next) throw error;
      // Own messages may have been among them.
      await this.#context.group.requireUpdate();
      const gone = `entries ${position.next} to ${error.firstSequence - 1} of the channel's log are not kept any more`;
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
   * A relay that has lost its log, or a part of it, writes another one. That is applied from its start: what was applied before is known by
   * its keys. A failure to ask is none here: there is another time when the link is opened again.
   */
  async #compareLog(): Promise<void> {
    const { name, relay, events, closed } = this.#context;
    const anchor = this.#anchor;
    if (anchor === undefined) return;
    const { messages, head } = await relay.fetchRange(name, { from: anchor.sequence, limit: 1, signal: closed });
    const [found] = messages;
    if (closed.aborted || (found !== undefined && isEqual(entryHash(found.payload), anchor.hash))) return;
    const lost = `entry ${anchor.sequence} of the relay's log isn't there any more, or isn't the one that was read before`;
    events.onError?.(name, new ChannelError("log_lost", lost));
    this.#rewindTo = Math.max(head.first, 1);
    await this.#subscription?.close();
  }

  async #untilRoom(): Promise<void> {
    if (this.#inbox?.isFull !== true) return;
    await this.#lookAhead();
    if (!this.#inbox.isFull) return;
    this.#context.position.stall(true);
    await this.#inbox.room();
    this.#context.position.stall(false);
  }

  /**
   * While the inbox is full, messages can be sent though the log isn't read to its end. What this agent itself has sent of late is looked
   * for before: an older copy of the data directory must not use the same keys.
   */
  async #lookAhead(): Promise<void> {
    const { name, relay, position, group, closed } = this.#context;
    for (let from = position.next; !this.#wasCaughtUp && this.#inbox?.isFull === true && !closed.aborted;) {
      try {
        const { messages, head } = await relay.fetchRange(name, { from, signal: closed });
        for (const { kind, epoch, payload } of messages) {
          if (kind === "application" && epoch === group.epoch) await this.#noticing(() => group.detectRollback(payload));
        }
        from = (messages.at(-1)?.sequence ?? head.next) + 1;
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

  /** Reports it when something shows that the data directory is an older copy. */
  async #noticing<T>(step: () => Promise<T>): Promise<T> {
    const { group, name, events } = this.#context;
    const knew = group.needsUpdate;
    try {
      return await step();
    } finally {
      if (!knew && group.needsUpdate) events.onError?.(name, rolledBack());
    }
  }

  /** False when nothing after it can be applied. */
  async #apply(entry: RelayMessage): Promise<boolean> {
    const { position, group, late } = this.#context;
    const wasCaughtUp = position.isCaughtUp;
    const cursor = { next: entry.sequence + 1, last: { sequence: entry.sequence, hash: entryHash(entry.payload) } };
    // Known on disk no later than that the entry was applied.
    if (entry.kind === "application" && group.epoch - entry.epoch > RETAINED_EPOCHS) late.add(entry.sequence, entry.key);
    if (!this.#isSentHere(entry) && !(await this.#process(entry, cursor))) return false;
    this.#last = cursor.last;
    this.#advance(entry.sequence + 1);
    if (this.#unwritten >= PERSIST_EVERY) {
      await group.writeRows(this.#cursorRows(cursor));
      this.#unwritten = 0;
    }
    if (!wasCaughtUp && position.isCaughtUp) this.#caughtUp();
    return true;
  }

  #isSentHere(entry: RelayMessage): boolean {
    const { name, events } = this.#context;
    try {
      return this.#listener.isSentHere(entry);
    } catch (error) {
      events.onError?.(name, toPublicError(error));
      return false;
    }
  }

  async #process(entry: RelayMessage, next: LogCursor & { readonly last: AppliedEntry }): Promise<boolean> {
    const { group } = this.#context;
    let message: ChannelMessage | undefined;
    let isOfFormer = false;
    const rowsOf = (result: ProcessedMessage): readonly GroupRow[] => {
      const rows = [...this.#cursorRows(next), ...(this.#inbox?.takeAcknowledged() ?? [])];
      if (result.kind === "commit" && result.isRemoved) return [...rows, ...ENDED_ROWS];
      if (result.kind !== "application") return rows;
      isOfFormer = this.#isOfFormer(result);
      if (this.#inbox === undefined || isOfFormer) return rows;
      message = messageOf(result, entry, next.last.hash);
      return [...rows, this.#inbox.row(message)];
    };
    try {
      const result = await this.#noticing(() => group.process(entry.payload, { commitWith: rowsOf }));
      this.#unwritten = -1;
      if (message !== undefined) this.#inbox?.add(message);
      if (isOfFormer) this.#skip(entry.sequence, new MlsError("epoch_mismatch", "the message was recorded after its sender was removed"));
      return this.#processed(result, entry);
    } catch (error) {
      return this.#refused(error, entry);
    }
  }

  /** Keys of past epochs are kept for what was on its way; whoever was removed since has them too, and must not write with them. */
  #isOfFormer({ epoch, senderMember }: ApplicationMessage): boolean {
    const { group } = this.#context;
    return epoch !== group.epoch && !group.members.some(({ signatureKey }) => isEqual(signatureKey, senderMember.signatureKey));
  }

  #processed(result: ProcessedMessage, entry: RelayMessage): boolean {
    if (result.kind !== "application" || result.epoch === this.#context.group.epoch) this.#forks.readable();
    if (result.kind === "commit") this.#listener.committed(result, entry);
    if (result.kind === "proposal") this.#listener.proposed();
    return result.kind !== "commit" || !result.isRemoved;
  }

  #refused(error: unknown, { sequence, epoch, payload, kind }: RelayMessage): boolean {
    const { name, events } = this.#context;
    const verdict = unusableEntryKind(error);
    if (verdict === "over") throw error;
    if (verdict === "own" && kind === "commit") {
      this.#listener.doubtful(sequence);
      this.#skip(sequence, unknownCommit(sequence));
    }
    const isReported = verdict === "repeated" || verdict === "unreadable" || verdict === "past";
    if (!isReported || epoch < this.#joinedEpoch) return true;
    this.#skip(sequence, toPublicError(error));
    if (verdict === "unreadable" && this.#isOfGroup(payload) && this.#forks.unreadable()) events.onError?.(name, forked());
    return true;
  }

  #skip(sequence: number, error: Error): void {
    this.#context.events.onSkipped?.(this.#context.name, { sequence, error });
  }

  /** Whether it says of itself that it belongs to the group. */
  #isOfGroup(payload: Uint8Array): boolean {
    try {
      const { groupId } = inspectMessage(payload);
      return groupId !== undefined && isEqual(groupId, this.#context.group.id);
    } catch {
      return false;
    }
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
  const cause = "the data directory is older than what this agent has sent, as after a restored backup or where a copy of it is in use";
  return new ChannelError("rolled_back", `${cause}: its keys are replaced before anything is sent`);
}

function forked(): ChannelError {
  const meaning = "the relay may have shown them another log, or somebody publishes garbage";
  return new ChannelError("fork", `what members write can't be read here any more: ${meaning}`);
}
