import { pino, type Logger } from "pino";
import { formatLogLine } from "./format-log-line.ts";

export const LOG_LEVELS: readonly string[] = ["fatal", "error", "warn", "info", "debug", "silent"];

/** A logger on standard error: lines for people on a terminal, JSON elsewhere. */
export function serverLogger(name: string, level: string): Logger {
  if (process.stderr.isTTY) return pino({ name, level }, { write: (line) => void process.stderr.write(formatLogLine(line)) });
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}

/**
 * Reads a server's option `logger`: a pino logger, `true` (everything from `info` on, to standard error), `false` (nothing). By default
 * warnings and errors go to standard error.
 *
 * @throws TypeError for anything else
 */
export function readLogger(logger: unknown, name: string): Logger {
  if (logger === undefined) return serverLogger(name, "warn");
  if (logger === false) return pino({ level: "silent" });
  if (logger === true) return serverLogger(name, "info");
  if (isLogger(logger)) return logger;
  throw new TypeError("logger must be a pino logger, true (log to standard error) or false (log nothing)");
}

function isLogger(value: unknown): value is Logger {
  if (typeof value !== "object" || value === null) return false;
  return ["error", "warn", "info", "debug"].every((method) => typeof (value as Record<string, unknown>)[method] === "function");
}
