import type { AdminEvent } from "@parley/server-kit";
import type { JournalEntry } from "./journal.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";

/** An event as the console gets it. */
export interface ShownEntry extends Omit<AdminEvent, "body"> {
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Name of the server. */
  readonly source: string;
  /** Whether the journal has the body of the message. */
  readonly hasBody: boolean;
  /** What the code means, in a few words. */
  readonly meaning?: string | undefined;
}

/** An event without its body, which the console asks for by its sequence number. */
export function shownEntry({ seq, time, source, event }: JournalEntry): ShownEntry {
  const { body, ...rest } = event;
  const meaning = event.code === undefined ? undefined : PROBLEM_CODES[event.code]?.meaning;
  return { seq, time, source, hasBody: body !== undefined, ...rest, ...(meaning !== undefined && { meaning }) };
}
