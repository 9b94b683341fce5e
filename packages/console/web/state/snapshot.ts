import { call, info, readPath } from "./api.ts";
import { writeSession } from "./session.ts";

/** Reads that need no parameter. */
const WHOLE = ["overview", "agents", "federation", "limits", "keys", "channels", "invites", "accounts", "members", "bridges", "doctor"];
const MAX_DETAILS = 100;
const MAX_EVENTS = "1000";

/** Asks the server for all that the console shows. Failed calls are left out, and so are bodies of messages. */
export async function takeAnswers(): Promise<ReadonlyMap<string, unknown>> {
  const answers = new Map<string, unknown>();
  const keep = async (path: string): Promise<unknown> => {
    try {
      const value = await call<unknown>(path);
      answers.set(path, value);
      return value;
    } catch {
      return undefined;
    }
  };
  for (const path of ["info", "samples", "problems"]) await keep(path);
  const events: unknown[] = [];
  for (let before = ""; events.length < 20_000;) {
    const page = await call<readonly { readonly seq: number }[]>(`events?${new URLSearchParams({ limit: MAX_EVENTS, before })}`);
    events.push(...page.map((event) => ({ ...event, hasBody: false })));
    const last = page.at(-1);
    if (last === undefined || page.length < Number(MAX_EVENTS)) break;
    before = String(last.seq);
  }
  answers.set("events", events);
  for (const { name: source, reads } of info.peek()?.sources ?? []) {
    for (const read of WHOLE.filter((name) => reads.includes(name))) {
      const value = (await keep(readPath(source, read))) as { agents?: readonly { did: string }[]; channels?: readonly { name: string }[] };
      if (read === "agents") {
        for (const { did } of value.agents?.slice(0, MAX_DETAILS) ?? []) await keep(readPath(source, "agent", { did }));
      }
      if (read === "channels") {
        for (const { name } of value.channels?.slice(0, MAX_DETAILS) ?? []) await keep(readPath(source, "channel", { name }));
      }
    }
  }
  return answers;
}

/** Offers the answers as a file. */
export function saveSession(answers: ReadonlyMap<string, unknown>): void {
  const time = Date.now();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([writeSession(time, answers)], { type: "application/x-ndjson" }));
  link.download = `${new Date(time).toISOString().slice(0, 19).replaceAll(":", "-")}.parley.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
