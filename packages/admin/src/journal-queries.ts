import type { Journal, JournalEntry } from "./journal.ts";
import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";
import { type ShownEntry, shownEntry } from "./shown-entry.ts";

/** Failures of one kind between one sender and one recipient. */
export interface Problem {
  readonly code: string;
  readonly source: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly count: number;
  readonly last: ShownEntry;
  readonly explanation: ProblemCode | undefined;
}

const FAILURES: ReadonlySet<string> = new Set([
  "refused",
  "dead",
  "dropped",
  "join-refused",
  "key-refused",
  "malformed",
  "remote-refused",
  "remote-retry",
  "remote-dead",
  "relay-refused",
  "failure",
]);
const MAX_PROBLEMS = 200;
const MAX_THREAD = 1000;

/** Whether an event is a failure. */
function isFailure({ event: { kind, outcome } }: JournalEntry): boolean {
  return FAILURES.has(kind) || (kind === "settled" && outcome === "error");
}

/** What failed, the most frequent first. */
export function problemsOf(journal: Journal): readonly Problem[] {
  const found = new Map<string, { count: number; last: JournalEntry }>();
  for (const entry of journal.before(journal.last + 1, isFailure)) {
    const { event, source } = entry;
    const key = JSON.stringify([source, codeOf(entry), event.from ?? event.did, event.to?.[0] ?? event.channel]);
    const problem = found.get(key);
    if (problem === undefined) found.set(key, { count: 1, last: entry });
    else problem.count += 1;
  }
  return [...found.values()]
    .toSorted((one, other) => other.count - one.count || other.last.seq - one.last.seq)
    .slice(0, MAX_PROBLEMS)
    .map(({ count, last }) => {
      const code = codeOf(last);
      const { from, did, to, channel } = last.event;
      return {
        code,
        source: last.source,
        from: from ?? did,
        to: to?.[0] ?? channel,
        count,
        last: shownEntry(last),
        explanation: PROBLEM_CODES[code],
      };
    });
}

function codeOf({ event: { code, kind } }: JournalEntry): string {
  return code ?? kind;
}

/**
 * The events of a thread, oldest first: those whose message, thread or parent thread has the id, and connections that were lost before they had
 * acknowledged one of its messages.
 */
export function threadOf(journal: Journal, id: string): readonly ShownEntry[] {
  const ids = new Set([id]);
  const belongs = ({ event }: JournalEntry): boolean =>
    (event.thread !== undefined && ids.has(event.thread)) ||
    (event.parentThread !== undefined && ids.has(event.parentThread)) ||
    (event.id !== undefined && ids.has(event.id));
  // The id may be that of a message in the middle of a thread.
  for (const { event } of journal.before(journal.last + 1, ({ event }) => event.id === id)) {
    ids.add(event.thread ?? id);
    break;
  }
  const entries: ShownEntry[] = [];
  for (const entry of journal.before(journal.last + 1, belongs)) {
    entries.push(shownEntry(entry));
    if (entries.length === MAX_THREAD) break;
  }
  return [...entries, ...lostConnections(journal, entries)].toSorted((one, other) => one.seq - other.seq);
}

/** The first lost connection of each recipient between a delivery and its acknowledgement. */
function lostConnections(journal: Journal, entries: readonly ShownEntry[]): readonly ShownEntry[] {
  const lost = new Map<number, ShownEntry>();
  for (const { kind, id, to, seq } of entries) {
    const [did] = to ?? [];
    if (kind !== "delivered" || did === undefined) continue;
    const end = entries.findLast((other) => other.kind === "settled" && other.id === id && other.to?.[0] === did && other.seq > seq);
    let first: JournalEntry | undefined;
    for (const entry of journal.before(end?.seq ?? journal.last + 1, ({ event }) => isLost(event) && event.did === did)) {
      if (entry.seq < seq) break;
      first = entry;
    }
    if (first !== undefined) lost.set(first.seq, shownEntry(first));
  }
  return [...lost.values()];
}

function isLost({ kind, outcome }: JournalEntry["event"]): boolean {
  return kind === "left" && outcome === "lost";
}

/** Events before a place, newest first. */
export function pageBefore(
  journal: Journal,
  { before, limit, matches }: { readonly before: number; readonly limit: number; readonly matches: (entry: JournalEntry) => boolean },
): readonly ShownEntry[] {
  const page: ShownEntry[] = [];
  for (const entry of journal.before(before, matches)) {
    page.push(shownEntry(entry));
    if (page.length >= limit) break;
  }
  return page;
}
