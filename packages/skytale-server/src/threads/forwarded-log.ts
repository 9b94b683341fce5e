import { pino, type Level, type Logger } from "pino";

/** A logger of a thread whose lines another thread writes. */
export function forwardingLogger(level: string, forward: (line: string) => void): Logger {
  return pino({ level, base: null, timestamp: false }, { write: forward });
}

/** Writes a line of another thread's {@link forwardingLogger}, with the thread's name. */
export function writeForwarded(logger: Logger, thread: string, line: string): void {
  const { level, msg, ...fields } = JSON.parse(line) as { readonly level: number; readonly msg?: string };
  logger[logger.levels.labels[level] as Level]({ ...fields, thread }, msg ?? "");
}
