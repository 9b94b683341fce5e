import { pino, type Level, type Logger } from "pino";

/** A logger of a process whose lines another process writes. */
export function forwardingLogger(level: string, forward: (line: string) => void): Logger {
  return pino({ level, base: null, timestamp: false }, { write: forward });
}

/** Writes a line of another process's {@link forwardingLogger}, with the worker's name. */
export function writeForwarded(logger: Logger, worker: string, line: string): void {
  const { level, msg, ...fields } = JSON.parse(line) as { readonly level: number; readonly msg?: string };
  logger[logger.levels.labels[level] as Level]({ ...fields, worker }, msg ?? "");
}
