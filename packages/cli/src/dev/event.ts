import { isJsonObject } from "@parley/core";

/** The part of the development servers that an event is about. */
export type DevSource = "node" | "node2" | "skytale";

/** One event of the development servers, as `parley dev --json` prints it: no bodies, no keys. */
export interface DevEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly source: DevSource;
  readonly level: "debug" | "info" | "warn" | "error";
  /** What happened, such as `message accepted`. */
  readonly event: string;
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: readonly string[] | undefined;
  readonly did?: string | undefined;
  readonly channel?: string | undefined;
  /** Everything else, such as sizes, reasons and codes. */
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined;
}

const LEVELS: Readonly<Record<number, DevEvent["level"]>> = { 10: "debug", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "error" };
/** Details that are shown. Everything else in a log line is left out. */
const DETAILS = [
  "action",
  "by",
  "key",
  "account",
  "seq",
  "name",
  "directory",
  "length",
  "bytes",
  "messages",
  "commits",
  "kind",
  "attempt",
  "settlement",
  "cause",
  "reason",
  "code",
  "comment",
  "status",
  "method",
  "route",
  "what",
  "door",
  "topic",
  "end",
  "protocols",
  "url",
  "api",
  "relay",
  "heldMs",
  "aheadMinutes",
] as const;
/** Calls that succeed and change nothing. Agents make them all the time. */
const QUIET_CALL = /^(?:GET|HEAD)$/;
const QUIET_EVENTS: ReadonlySet<string> = new Set(["connected", "disconnected", "stream opened", "stream closed"]);
/** Settings that are the same at each start of the development servers. */
const START_EVENTS: ReadonlySet<string> = new Set([
  "storage in use",
  "messages of unknown senders on other nodes are accepted, limited by address",
]);

/** Reads a line of a server's log; undefined for lines that are not JSON. */
export function readEvent(source: DevSource, line: string): DevEvent | undefined {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { time, level, msg } = record;
  const recipients = record["to"] ?? record["recipient"];
  const to = Array.isArray(recipients) ? recipients.filter(isText) : isText(recipients) ? [recipients] : undefined;
  const from = record["from"] ?? record["sender"];
  const details = detailsOf(record);
  return {
    time: new Date(typeof time === "number" ? time : Date.now()).toISOString(),
    source,
    level: LEVELS[Number(level)] ?? "info",
    event: isText(msg) ? msg : "",
    ...textMember(record, "id"),
    ...textMember(record, "type"),
    ...(isText(from) && { from }),
    ...(to !== undefined && { to }),
    ...textMember(record, "did"),
    ...textMember(record, "channel"),
    ...(Object.keys(details).length > 0 && { details }),
  };
}

/** Whether an event is left out without `--verbose`. */
export function isQuiet({ event, level, details = {} }: DevEvent): boolean {
  if (START_EVENTS.has(event) && level === "info") return true;
  if (level !== "debug") return false;
  if (QUIET_EVENTS.has(event)) return true;
  const { method, status } = details;
  return event === "call completed" && typeof method === "string" && QUIET_CALL.test(method) && Number(status) < 400;
}

function detailsOf(record: Readonly<Record<string, unknown>>): Record<string, string | number | boolean> {
  const details: Record<string, string | number | boolean> = {};
  for (const name of DETAILS) {
    const value = record[name];
    if (isText(value) || typeof value === "number" || typeof value === "boolean") details[name] = value;
    else if (Array.isArray(value)) details[name] = value.filter(isText).join(" ");
    else if (isJsonObject(value) && isText(value["code"])) details[name] = value["code"];
  }
  const { err } = record;
  if (typeof err === "object" && err !== null && "message" in err && isText(err.message)) details["error"] = err.message;
  return details;
}

function textMember<Name extends "id" | "type" | "did" | "channel">(
  record: Readonly<Record<string, unknown>>,
  name: Name,
): { readonly [K in Name]?: string } {
  const value = record[name];
  return (isText(value) ? { [name]: value } : {}) as { readonly [K in Name]?: string };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
