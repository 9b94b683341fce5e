import { pino, type Logger } from "pino";
import { formatLogLine } from "./format-log-line.ts";

export const LOG_LEVELS: readonly string[] = ["fatal", "error", "warn", "info", "debug", "silent"];

/** Creates a logger on standard error: formatted lines on a terminal, JSON otherwise. */
export function serverLogger(name: string, level: string): Logger {
  if (process.stderr.isTTY) return pino({ name, level }, { write: (line) => void process.stderr.write(formatLogLine(line)) });
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}
