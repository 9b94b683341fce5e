import { type Signal, signal } from "@preact/signals";
import { readFilter } from "@parley/admin/internal";
import type { ShownEntry } from "@parley/admin";

/** Everything that the console shows, as it was at one time. */
export interface Session {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
  /** By path, such as `read/node/agents`. */
  readonly answers: ReadonlyMap<string, unknown>;
}

/** The session that is shown instead of a server. */
export const session: Signal<Session | undefined> = signal(undefined);

/** The first line of a file. */
interface Head {
  readonly parley: "session";
  readonly version: 1;
  readonly savedAt: number;
}

export function writeSession(savedAt: number, answers: Iterable<readonly [path: string, value: unknown]>): string {
  const head: Head = { parley: "session", version: 1, savedAt };
  return [head, ...Array.from(answers, ([path, value]) => ({ path, value }))].map((line) => JSON.stringify(line)).join("\n");
}

/** @throws Error with a sentence */
export function readSession(name: string, text: string): Session {
  const [first = "", ...lines] = text.trim().split("\n");
  let head: Partial<Head>;
  try {
    head = JSON.parse(first) as Partial<Head>;
    if (head.parley !== "session") throw new Error("another kind of file");
  } catch {
    throw new Error(`${name} is not a session of this console`);
  }
  if (head.version !== 1) throw new Error(`${name} was saved by a newer version of the console`);
  const answers = new Map<string, unknown>();
  for (const line of lines) {
    try {
      const { path, value } = JSON.parse(line) as { path: string; value: unknown };
      answers.set(path, value);
    } catch {
      throw new Error(`${name} is damaged: line ${answers.size + 2} is not JSON`);
    }
  }
  return { name, savedAt: head.savedAt ?? 0, answers };
}

/** The answer to a call, from the open session. @throws Error if it wasn't saved */
export function savedAnswer(path: string): unknown {
  const answers = session.peek()?.answers ?? new Map<string, unknown>();
  if (answers.has(path)) return answers.get(path);
  const [name = "", query = ""] = path.split("?");
  const parameters = new URLSearchParams(query);
  const events = (answers.get("events") ?? []) as readonly ShownEntry[];
  if (name === "events") return events.filter(entryFilter(parameters.get("filter") ?? "")).slice(0, Number(parameters.get("limit") ?? 200));
  if (name === "thread") return threadOf(events, parameters.get("id") ?? "");
  // A list that is searched: the screen's own search is left out.
  if (answers.has(name)) return answers.get(name);
  throw new Error("This session does not have it");
}

/** The filter language of the server, over events as the page has them. @throws TypeError */
function entryFilter(text: string): (entry: ShownEntry) => boolean {
  const filter = readFilter(text);
  return (entry) => filter({ seq: entry.seq, time: entry.time, source: entry.source, event: entry });
}

function threadOf(events: readonly ShownEntry[], id: string): readonly ShownEntry[] {
  const thread = events.find((event) => event.id === id)?.thread ?? id;
  return events.filter((event) => [event.id, event.thread, event.parentThread].some((one) => one === id || one === thread)).toReversed();
}
