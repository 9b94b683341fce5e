import { TimeSlice } from "@parley/core/internal";
import type { InboxMessage } from "../../inbox/inbox.ts";

/** What an {@link InboxReader} reads, and what it does with it. Implemented by the mailbox itself: an idle agent has no object for it. */
export interface InboxReaderOwner {
  /** Reads the messages after a seq, oldest first; empty at the end. */
  readAfter(after: number): Promise<readonly InboxMessage[]>;
  /** Processes one message. If it can't be delivered now, the callee calls {@link InboxReader.hold}. */
  look(message: InboxMessage): void;
  /** Whether reading on is useless, because no connection has capacity. */
  isFull(): boolean;
  onReadFailure(error: unknown): void;
}

/** Maximum number of sweeps between two attempts to read. */
const MAX_PAUSES = 300;

/**
 * Tracks how far one inbox has been read. While agents keep up, messages are passed in memory; otherwise they stay in the inbox and are
 * read in order when a connection has capacity again.
 */
export class InboxReader {
  readonly #owner: InboxReaderOwner;
  /** All messages up to this seq have been processed. */
  #cursor = 0;
  /** Seq of the first message that was processed and could not be delivered. */
  #firstHeld = Number.POSITIVE_INFINITY;
  /** Whether the inbox has no messages after the cursor. */
  #caughtUp = false;
  /** No connection has capacity; {@link InboxReader.resume} continues. */
  #full = false;
  #walking = false;
  /** Number of consecutive failed reads. */
  #failures = 0;
  /** Number of calls of {@link InboxReader.retry} to skip, so that an unreadable inbox doesn't fill the log. */
  #pauses = 0;
  #walkAgain = false;

  constructor(owner: InboxReaderOwner) {
    this.#owner = owner;
  }

  /** Whether the inbox is being read. */
  get walking(): boolean {
    return this.#walking;
  }

  /** Whether a new message may be processed at once, because no earlier one waits to be read. If so, marks it as processed. */
  passes(seq: number): boolean {
    if (!this.#caughtUp || this.#walking) return false;
    this.#cursor = seq;
    return true;
  }

  /** A new message must be read from the inbox. */
  grew(): void {
    this.#caughtUp = false;
    if (!this.#full) this.walk(this.#cursor);
  }

  /** A processed message could not be delivered. */
  hold(seq: number): void {
    this.#firstHeld = Math.min(this.#firstHeld, seq);
  }

  /** Reads held messages again, and all later ones. */
  resume(): void {
    if (this.#firstHeld !== Number.POSITIVE_INFINITY || !this.#caughtUp) this.walk(this.#firstHeld - 1);
  }

  /** Continues after a failed read. Called by the mailbox's sweep, every second. */
  retry(): void {
    if (this.#caughtUp || this.#full || this.#walking) return;
    if (this.#pauses > 0) this.#pauses -= 1;
    else this.walk(this.#cursor);
  }

  /** Reads everything after `seq`, and everything not processed yet. */
  walk(seq: number): void {
    this.#cursor = Math.min(this.#cursor, Math.max(seq, 0));
    this.#caughtUp = false;
    this.#full = false;
    this.#walkAgain = true;
    if (!this.#walking) void this.#walk();
  }

  async #walk(): Promise<void> {
    this.#walking = true;
    try {
      while (this.#walkAgain) {
        this.#walkAgain = false;
        // Held messages are read again.
        if (this.#cursor < this.#firstHeld) this.#firstHeld = Number.POSITIVE_INFINITY;
        await this.#walkOnce();
      }
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#pauses = Math.min(2 ** (this.#failures - 1) - 1, MAX_PAUSES);
      this.#owner.onReadFailure(error);
    } finally {
      this.#walking = false;
    }
  }

  async #walkOnce(): Promise<void> {
    const slice = new TimeSlice();
    for (;;) {
      const from = this.#cursor;
      const page = await this.#owner.readAfter(from);
      // A walk from an earlier position has started during this read.
      if (this.#cursor !== from) return;
      for (const message of page) {
        this.#cursor = message.seq;
        this.#owner.look(message);
      }
      if (page.length === 0) {
        this.#caughtUp = !this.#walkAgain;
        return;
      }
      if (this.#owner.isFull()) {
        this.#full = true;
        return;
      }
      // A page can be large, and reading it must not block the event loop.
      if (!slice.isOver) continue;
      await slice.next();
      if (this.#walkAgain) return;
    }
  }
}
