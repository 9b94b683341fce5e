import type { RecordHead } from "./record.ts";

/** A message of a log's subject, as far as its place is concerned. */
export interface PlacedMessage {
  /** Its stream sequence. */
  readonly seq: number;
  /** `undefined` for a message that is not a record. */
  readonly head: RecordHead | undefined;
  /** Stream sequence of the message before it on the subject, as the feed says. Absent if it was read in order from the stream. */
  readonly after?: number | undefined;
}

/**
 * The place of a message in a log.
 *
 * - `valid`: the next record.
 * - `base`: the next record too, and those before it were purged: the application continues from the state that it carries.
 * - `void`: in the stream, and not a part of the log: its writer knew another predecessor. All readers skip it.
 * - `seen`: it was judged before.
 * - `gap`: messages before it are missing; it is to be read again after them.
 */
export type Verdict = "valid" | "base" | "void" | "seen" | "gap";

/**
 * Decides which messages of a subject are records of the log. Every reader comes to the same result, because it depends on the messages and
 * their order alone: a record counts if its writer knew the message right before it as the last one, and if it continues the numbers.
 */
export class RecordView {
  #lastSeen = 0;
  #next = 1;

  /** Stream sequence of the last message of the subject, valid or void; 0 without one. The next record must name it. */
  get lastSeen(): number {
    return this.#lastSeen;
  }

  /** Number of the next entry. */
  get next(): number {
    return this.#next;
  }

  judge({ seq, head, after }: PlacedMessage): Verdict {
    if (seq <= this.#lastSeen) return "seen";
    if (after !== undefined && after !== this.#lastSeen) return "gap";
    const verdict = head === undefined ? "void" : this.#judgeRecord(head, after === undefined);
    this.#lastSeen = seq;
    if (head !== undefined && verdict !== "void") this.#next = head.first + head.count;
    return verdict;
  }

  #judgeRecord(head: RecordHead, isRead: boolean): "valid" | "base" | "void" {
    if (this.#continues(head)) return "valid";
    return isRead && this.#followsPurge(head) ? "base" : "void";
  }

  #continues({ prev, first }: RecordHead): boolean {
    return prev === this.#lastSeen && first === this.#next;
  }

  /** Whether the records between the last one that was seen and this one were purged: messages are read in order, and its writer saw them. */
  #followsPurge({ prev, first }: RecordHead): boolean {
    return prev > this.#lastSeen && first >= this.#next;
  }
}
