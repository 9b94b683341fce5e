import type { Paint, Style } from "../output/colours.ts";
import { printable } from "../output/printable.ts";
import type { DevEvent } from "./event.ts";

const STYLES: Readonly<Record<DevEvent["level"], Style>> = { debug: "green", info: "cyan", warn: "yellow", error: "red" };
/** Details that need their name to be understood; the others are shown as values. */
const NAMED: ReadonlySet<string> = new Set([
  "by",
  "key",
  "account",
  "seq",
  "name",
  "directory",
  "attempt",
  "commits",
  "protocols",
  "heldMs",
  "aheadMinutes",
]);
const UNITS: Readonly<Record<string, string>> = { length: " characters", bytes: " B", messages: " messages" };
const SOURCE_WIDTH = 7;

/** One line for people: `14:03:11 node    message accepted  <type>  <from> → <to>  212 characters  id=<id>`. */
export function formatEvent(
  { time, source, level, event, id, type, from, to, did, channel, details = {} }: DevEvent,
  paint: Paint,
): string {
  const parts: string[] = [];
  if (type !== undefined) parts.push(printable(type));
  if (from !== undefined || to !== undefined) parts.push(`${printable(from ?? "?")} → ${printable(to?.join(", ") ?? "?")}`);
  if (did !== undefined) parts.push(printable(did));
  if (channel !== undefined) parts.push(printable(channel));
  for (const [name, value] of Object.entries(details)) {
    parts.push(NAMED.has(name) ? `${name}=${printable(value)}` : `${printable(value)}${UNITS[name] ?? ""}`);
  }
  if (id !== undefined) parts.push(paint("dim", `id=${printable(id)}`));
  const clock = new Date(time).toTimeString().slice(0, 8);
  return [`${paint("dim", clock)} ${source.padEnd(SOURCE_WIDTH)} ${paint(STYLES[level], printable(event))}`, ...parts].join("  ");
}
