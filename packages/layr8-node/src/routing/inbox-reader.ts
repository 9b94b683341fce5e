import { TimeSlice } from "@parley/core/internal";
import type { InboxMessage } from "../inbox/inbox.ts";

/** What a {@link InboxReader} walks over, and who looks at what it finds. */
export interface InboxReaderOptions {
  /** Reads the messages after a seq, oldest first; none at the end. */
  read(after: number): Promise<readonly InboxMessage[]>;
  /** Looks at one message. What can't be delivered now is reported by {@link InboxReader.hold}. */
  look(message: InboxMessage): void;
  /** Whether looking further is of no use, because nobody takes more. */
  isFull(): boolean;
  onFailure(error: unknown): void;
}

/** Longest pause between two attempts to read, in sweeps. */
const MAX_PAUSES = 300;

/**
 * Where one inbox has been looked through. While its agents keep up, messages pass by in memory; otherwise they wait in the inbox, and
 * are read from there, in order, when somebody takes them again.
 */
export class InboxReader {
  readonly #options: InboxReaderOptions;
  /** Everything up to here has been looked at. */
  #cursor = 0;
  /** The first message that was looked at and could not be delivered. */
  #firstHeld = Number.POSITIVE_INFINITY;
  /** Nothing waits in the inbox beyond the cursor. */
  #caughtUp = false;
  /** Looking further was of no use: it goes on with {@link InboxReader.resume}. */
  #full = false;
  #walking = false;
  /** Reads that failed in a row. */
  #failures = 0;
  /** Calls of {@link InboxReader.retry} that are passed over, so that an inbox that can't be read does not fill the log. */
  #pauses = 0;
  #walkAgain = false;
  /** What is being written, and is to be read from the inbox only after. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(options: InboxReaderOptions) {
    this.#options = options;
  }

  /** Whether the inbox is being read. */
  get walking(): boolean {
    return this.#walking;
  }

  /** Something is being written that reads must see. */
  wrote(writing: Promise<unknown>): void {
    this.#written = writing;
  }

  /** Something is being written besides what is already. */
  wroteToo(writing: Promise<unknown>): void {
    this.#written = Promise.allSettled([this.#written, writing]);
  }

  /** Whether a message that has just come may be looked at at once: nothing before it waits to be read. It counts as looked at then. */
  passes(seq: number): boolean {
    if (!this.#caughtUp || this.#walking) return false;
    this.#cursor = seq;
    return true;
  }

  /** A message has come that can't be looked at at once. */
  grew(): void {
    this.#caughtUp = false;
    if (!this.#full) this.walk(this.#cursor);
  }

  /** A message was looked at and has to wait. */
  hold(seq: number): void {
    this.#firstHeld = Math.min(this.#firstHeld, seq);
  }

  /** Looks again at what was held, and at all that came since. */
  resume(): void {
    if (this.#firstHeld !== Number.POSITIVE_INFINITY || !this.#caughtUp) this.walk(this.#firstHeld - 1);
  }

  /** Called now and then: goes on where a read failed. */
  retry(): void {
    if (this.#caughtUp || this.#full || this.#walking) return;
    if (this.#pauses > 0) this.#pauses -= 1;
    else this.walk(this.#cursor);
  }

  /** Looks at everything after `seq`, and at what has not been looked at yet. */
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
        await this.#written.catch(() => undefined);
        // What was held is about to be looked at again.
        if (this.#cursor < this.#firstHeld) this.#firstHeld = Number.POSITIVE_INFINITY;
        await this.#walkOnce();
      }
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#pauses = Math.min(2 ** (this.#failures - 1) - 1, MAX_PAUSES);
      this.#options.onFailure(error);
    } finally {
      this.#walking = false;
    }
  }

  async #walkOnce(): Promise<void> {
    const slice = new TimeSlice();
    for (;;) {
      const from = this.#cursor;
      const page = await this.#options.read(from);
      // A walk from further back overtook this read.
      if (this.#cursor !== from) return;
      for (const message of page) {
        this.#cursor = message.seq;
        this.#options.look(message);
      }
      if (page.length === 0) {
        this.#caughtUp = !this.#walkAgain;
        return;
      }
      if (this.#options.isFull()) {
        this.#full = true;
        return;
      }
      // What comes out of an inbox at once is bounded by its size only.
      if (!slice.isOver) continue;
      await slice.next();
      if (this.#walkAgain) return;
    }
  }
}
