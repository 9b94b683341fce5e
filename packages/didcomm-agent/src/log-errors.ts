import { ParleyError } from "@parley/core";
import { describeThrown } from "@parley/core/eager";

import { ErrorKind, type ErrorHandler, type SDKError } from "./error-handler.ts";

/** Longest line that is logged. */
const MAX_LINE = 1000;
/** The file, line and column in one line of a stack. */
const PLACE = /^\s+at (?:.*\()?(\S+:\d+:\d+)/;

/**
 * An error handler that logs one line per error, by default on stderr.
 *
 * Refusals that a handler or a schema chose (kind `refused`), and rejected receipts (kind `receipt`), are left out: senders could fill logs with them.
 * A line names the kind, the message's id, type and sender, and the cause's message; never a message's body. Control
 * characters are stripped, so that peers can't forge lines.
 *
 * @param log receives each line.
 * @example
 * ```ts
 * import { logErrors } from "layr8";
 *
 * const onError = logErrors((line) => process.stdout.write(`${line}\n`));
 * ```
 */
export function logErrors(log: (line: string) => void = toStderr): ErrorHandler {
  if (typeof log !== "function") {
    throw new TypeError("logErrors takes a function that receives lines. As an error handler, pass what it returns: logErrors()");
  }
  return (error) => {
    if (error.kind !== ErrorKind.REFUSED && error.kind !== ErrorKind.RECEIPT) log(lineOf(error));
  };
}

/** @throws TypeError unless it is an error handler. */
export function requireErrorHandler(onError: unknown): void {
  if (onError === logErrors) throw new TypeError("The error handler is logErrors itself: pass what it returns, logErrors()");
  if (typeof onError === "function") return;
  throw new TypeError("A client needs an error handler as its second argument, such as logErrors()");
}

function lineOf({ kind, cause, messageId, type, from }: SDKError): string {
  const about = [
    messageId === undefined ? "" : ` id=${messageId}`,
    type === undefined ? "" : ` type=${type}`,
    from === undefined ? "" : ` from=${from}`,
  ];
  const line = `[parley] ${kind}${about.join("")}: ${cause.name}: ${textOf(cause)}`;
  return line.replaceAll(/\p{Cc}+/gu, " ").slice(0, MAX_LINE);
}

/**
 * An error of the application or the platform with its cause, which often has the reason, and its file and line:
 * `fetch failed (connect ECONNREFUSED …) at file:///srv/agent.mjs:12:5`. Parley's own errors contain the reason; their causes may quote bodies.
 */
function textOf(error: Error): string {
  const text = describeThrown(error);
  if (error instanceof ParleyError) return text;
  const why = error.cause === undefined ? text : describeThrown(error.cause);
  const frames = String(error.stack).split("\n").slice(1);
  const place = frames
    .map((frame) => PLACE.exec(frame)?.[1])
    .find((found) => found !== undefined && !/^node:|[\\/]node_modules[\\/]/.test(found));
  return `${text}${text.includes(why) ? "" : ` (${why})`}${place === undefined ? "" : ` at ${place}`}`;
}

function toStderr(line: string): void {
  // oxlint-disable-next-line no-console -- this function is the documented way to log to the console
  console.error(line);
}
