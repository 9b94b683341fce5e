const LEVELS: Readonly<Record<number, string>> = { 10: "TRACE", 20: "DEBUG", 30: "INFO ", 40: "WARN ", 50: "ERROR", 60: "FATAL" };
/** Members that are printed elsewhere in the line, or are of no use on a terminal. */
const OWN = new Set(["level", "time", "pid", "hostname", "name", "msg", "err"]);

/** Formats a JSON line of pino for a terminal: `14:03:11 INFO  listening url=ws://127.0.0.1:4000`. Other lines are returned unchanged. */
export function formatLogLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, msg, err } = record;
  const parts = [new Date(Number(time)).toTimeString().slice(0, 8), LEVELS[Number(level)] ?? String(level), printable(msg)];
  for (const [key, value] of Object.entries(record)) if (!OWN.has(key)) parts.push(`${printable(key)}=${printable(value)}`);
  return `${parts.filter((part) => part !== "").join(" ")}\n${stackOf(err)}`;
}

function stackOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { stack, message } = error as { readonly stack?: unknown; readonly message?: unknown };
  const lines = (typeof stack === "string" ? stack : String(message)).split("\n");
  return lines.map((line) => `    ${printable(line)}\n`).join("");
}

/** Escapes control characters, because a value may come from a peer and a terminal would interpret them. */
function printable(value: unknown): string {
  if (value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // eslint-disable-next-line no-control-regex -- matching control characters is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
