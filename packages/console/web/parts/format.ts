/** Between a number and its unit: they stay on one line. */
const NB = "\u00a0";

/** A duration in milliseconds, in the unit that suits it. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return "";
  if (ms < 1) return `${ms.toFixed(1)}${NB}ms`;
  if (ms < 1000) return `${Math.round(ms)}${NB}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}${NB}s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)}${NB}min`;
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)}${NB}h`;
  return `${Math.round(ms / 86_400_000)}${NB}days`;
}

/** How long ago, or how far ahead, a time is. */
export function ago(time: number | undefined, now: number = Date.now()): string {
  if (time === undefined || time === 0) return "";
  const ms = now - time;
  return ms < 0 ? `in${NB}${duration(-ms)}` : `${duration(ms)}${NB}ago`;
}

export function clock(time: number): string {
  const date = new Date(time);
  return `${date.toLocaleTimeString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function count(value: number | undefined): string {
  return value === undefined ? "" : value.toLocaleString("en-US");
}

export function bytes(value: number | undefined): string {
  if (value === undefined) return "";
  if (value < 1024) return `${value}${NB}B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)}${NB}KiB`;
  if (value < 1024 ** 3) return `${(value / 1024 ** 2).toFixed(1)}${NB}MiB`;
  return `${(value / 1024 ** 3).toFixed(1)}${NB}GiB`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** The middle of a long text left out: both ends of a DID tell it apart. */
export function shorten(text: string, length = 44): string {
  if (text.length <= length) return text;
  const end = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - end)}…${text.slice(-end)}`;
}

/** A DID in a dense list, without its method. The style leaves out its start if it is too long. */
export function shortDid(did: string): string {
  return did.replace(/^did:web:/, "").replaceAll("%3A", ":");
}

/** The name of an API key, whose default is its id. */
export function keyName(name: string, id: string): string {
  return name === id ? "without a name" : name;
}

/** The end of a message type, which tells it apart: `echo/1.0/request`. */
export function shortType(type: string): string {
  return type.split("/").slice(-3).join("/");
}

/** Display names of events whose kind is not one. */
const EVENT_NAMES: Readonly<Record<string, string>> = {
  "join-refused": "join refused",
  "took-over": "took over",
  "key-refused": "key refused",
  "remote-accepted": "from other node",
  "remote-refused": "refused (remote)",
  "remote-sent": "to other node",
  "remote-retry": "will retry",
  "remote-dead": "dead, not sent",
  "relay-refused": "refused",
  "stream-opened": "stream opened",
  "stream-closed": "stream closed",
  "call-answered": "API call",
  acted: "changed here",
  omitted: "too many to show",
};

/** The name of an event for people. */
export function eventName({ kind, outcome }: { kind: string; outcome?: string | undefined }): string {
  if (kind === "settled" && outcome === "error") return "failed";
  return isLost({ kind, outcome }) ? "connection lost" : (EVENT_NAMES[kind] ?? kind);
}

const BAD: ReadonlySet<string> = new Set([
  "refused",
  "dead",
  "dropped",
  "join-refused",
  "key-refused",
  "malformed",
  "remote-refused",
  "remote-dead",
  "relay-refused",
  "failure",
]);
const WARNING: ReadonlySet<string> = new Set(["remote-retry", "took-over"]);

/** Whether a connection ended without a goodbye of its agent. */
export function isLost({ kind, outcome }: { kind: string; outcome?: string | undefined }): boolean {
  return kind === "left" && outcome === "lost";
}

/** How an event of a kind is marked. */
export function toneOf(event: { kind: string; attempt?: number | undefined; outcome?: string | undefined }): Tone {
  const { kind, attempt = 1, outcome } = event;
  if (BAD.has(kind) || outcome === "error") return "bad";
  if (WARNING.has(kind) || isLost(event) || attempt > 1 || outcome === "pass") return "warning";
  return kind === "settled" || kind === "published" || kind === "remote-sent" ? "good" : "plain";
}

export type Tone = "good" | "warning" | "bad" | "plain";

/** Copies a text. Resolves to whether the browser allowed it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
