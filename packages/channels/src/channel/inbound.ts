import type { CommitMessage, GroupRow, ProcessedMessage } from "@parley/mls-engine";
import { RangeGoneError, type RelayMessage, type Subscription } from "@parley/skytale-relay";
import type { ChannelContext } from "./context.ts";
import { ChannelError } from "../errors.ts";
import { toPublicError } from "../error-mapping.ts";
import type { Inbox } from "./inbox.ts";
import { messageOf, type ChannelMessage } from "./message.ts";
import { CURSOR_ROW, JOINED_ROW, numberValue, valueNumber } from "./rows.ts";
import { ForkWatch, verdictOn } from "./log-verdict.ts";

/** What the rest of a channel is told. */
export interface InboundListener {
  /** An entry is known to be a message that was sent here, and need not be looked at. */
  isSentHere(entry: RelayMessage): boolean;
  /** A commit is in effect. */
  committed(commit: CommitMessage, entry: RelayMessage): void;
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
  readonly #forks = new ForkWatch();
  #subscription: Subscription | undefined;
  /** Applied since the position was last written. */
  #unwritten = 0;
  #running: Promise<void> = Promise.resolve();

  /** @param inbox without one, messages aren't kept. */
  constructor(context: ChannelContext, inbox: Inbox | undefined, listener: InboundListener) {
    this.#context = context;
    this.#inbox = inbox;
    this.#listener = listener;
    this.#joinedEpoch = valueNumber(context.group.row(JOINED_ROW)) ?? 0n;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when nothing is applied any more, and the position is on disk. */
  async stop(): Promise<void> {
    await this.#subscription?.close();
    await this.#running;
    if (this.#unwritten > 0) await this.#context.group.writeRows([this.#cursorRow(this.#context.position.next)]);
  }

  async #run(): Promise<void> {
    try {
      while (await this.#follow());
      this.#listener.ended();
    } catch (error) {
      this.#listener.ended(toPublicError(error));
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
      return false;
    } catch (error) {
      if (!(error instanceof RangeGoneError) || error.firstSequence <= position.next) throw error;
      const gone = `entries ${position.next} to ${error.firstSequence - 1} of the channel's log are not kept any more`;
      events.onError?.(name, new ChannelError("log_lost", gone, { cause: error }));
      this.#advance(error.firstSequence);
      return true;
    }
  }

  #onCaughtUp(next: number): void {
    this.#context.position.setTarget(next);
    if (this.#context.position.isCaughtUp) this.#listener.caughtUp();
  }

  async #untilRoom(): Promise<void> {
    if (this.#inbox?.isFull !== true) return;
    this.#context.position.stall(true);
    await this.#inbox.room();
    this.#context.position.stall(false);
  }

  /** False when nothing after it can be applied. */
  async #apply(entry: RelayMessage): Promise<boolean> {
    const wasCaughtUp = this.#context.position.isCaughtUp;
    const goesOn = this.#listener.isSentHere(entry) || (await this.#process(entry));
    if (!goesOn) return false;
    this.#advance(entry.sequence + 1);
    if (this.#unwritten >= PERSIST_EVERY) {
      await this.#context.group.writeRows([this.#cursorRow(entry.sequence + 1)]);
      this.#unwritten = 0;
    }
    if (!wasCaughtUp && this.#context.position.isCaughtUp) this.#listener.caughtUp();
    return true;
  }

  async #process(entry: RelayMessage): Promise<boolean> {
    const { group } = this.#context;
    let message: ChannelMessage | undefined;
    const also = (result: ProcessedMessage): readonly GroupRow[] => {
      const cursor = this.#cursorRow(entry.sequence + 1);
      if (result.kind !== "application" || this.#inbox === undefined) return [cursor];
      message = messageOf(result, entry.sequence, entry.recordedAt);
      return [cursor, this.#inbox.row(message)];
    };
    try {
      const result = await group.process(entry.payload, { also });
      this.#unwritten = -1;
      if (message !== undefined) this.#inbox?.add(message);
      return this.#processed(result, entry);
    } catch (error) {
      return this.#refused(error, entry);
    }
  }

  #processed(result: ProcessedMessage, entry: RelayMessage): boolean {
    if (result.kind !== "application" || result.epoch === this.#context.group.epoch) this.#forks.readable();
    if (result.kind === "commit") this.#listener.committed(result, entry);
    if (result.kind === "proposal") this.#listener.proposed();
    return result.kind !== "commit" || !result.isRemoved;
  }

  #refused(error: unknown, { sequence, epoch }: RelayMessage): boolean {
    const { name, events } = this.#context;
    const verdict = verdictOn(error);
    if (verdict === "over") throw error;
    const isReported = verdict === "repeated" || verdict === "unreadable" || verdict === "past";
    if (!isReported || epoch < this.#joinedEpoch) return true;
    events.onSkipped?.(name, { sequence, error: toPublicError(error) });
    if (verdict === "unreadable" && this.#forks.unreadable()) events.onError?.(name, forked());
    return true;
  }

  #advance(next: number): void {
    this.#unwritten++;
    this.#context.position.advance(next);
  }

  #cursorRow(next: number): GroupRow {
    return { key: CURSOR_ROW, value: numberValue(next) };
  }
}

function forked(): ChannelError {
  const meaning = "the relay may have shown them another log, or somebody publishes garbage";
  return new ChannelError("fork", `what members write can't be read here any more: ${meaning}`);
}
