import { pino, type Logger } from "pino";
import { formatLogLine } from "./format-log-line.ts";

export const LOG_LEVELS: readonly string[] = ["fatal", "error", "warn", "info", "debug", "silent"];

/** A logger on standard error: lines for people on a terminal, JSON elsewhere. */
export function serverLogger(name: string, level: string): Logger {
  if (process.stderr.isTTY) return pino({ name, level }, { write: (line) => void process.stderr.write(formatLogLine(line)) });
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}
