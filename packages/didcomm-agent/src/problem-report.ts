import { isJsonObject, ParleyError, parseMessageType, replyTo, threadOf, type Message } from "@parley/core";

import { BodyError } from "./schema.ts";

/** Type of the problem reports that are sent. */
const PROBLEM_REPORT = "https://didcomm.org/report-problem/2.0/problem-report";

/** A handler failed. */
const CANT_PROCESS = "e.p.xfer.cant-process";
/** The body does not fit the handler's schema. */
const BAD_BODY = "e.p.msg.bad-body";
/** The plaintext could not be read as a DIDComm message. */
export const MALFORMED = "e.p.msg.malformed";

const MAX_CODE = 256;
const MAX_COMMENT = 1024;
const MAX_ARGS = 16;
const MAX_ARG = 256;

/**
 * A DIDComm problem report as an error: `request` rejects with it when the other side reports a problem on the thread, and a handler
 * that throws it chooses the report that the sender gets.
 *
 * `code` is the report's own code, such as `e.p.xfer.cant-process`.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#problem-reports | DIDComm v2.1, Problem Reports}
 * @example
 * ```ts
 * import { ProblemReportError } from "@parley/didcomm-agent";
 *
 * throw new ProblemReportError("e.p.req.out-of-stock", "Only {1} left", ["3"]);
 * ```
 */
export class ProblemReportError extends ParleyError {
  override readonly name: string = "ProblemReportError";
  /** What went wrong, for people; `{1}`, `{2}` … are replaced by `args`. */
  readonly comment: string;
  /** The comment as it stands on the wire. */
  readonly rawComment: string;
  readonly args: readonly string[];
  /** Who reported it, where that is known. */
  readonly from?: string;

  constructor(code: string, comment = "", args: readonly string[] = [], from?: string) {
    const text = interpolate(comment, args);
    super(code, text === "" ? code : `${code}: ${text}`);
    this.comment = text;
    this.rawComment = comment;
    this.args = args;
    if (from !== undefined) this.from = from;
  }
}

/** Whether a message is a problem report, of whatever version. */
export function isProblemReport(message: Pick<Message, "type">): boolean {
  return message.type.endsWith("/problem-report") && parseMessageType(message.type)?.protocolName === "report-problem";
}

/** Reads a report's body; whatever is malformed or too long counts as absent or is cut. */
export function readReport(message: Message): ProblemReportError {
  const { code, comment, args } = message.body;
  return new ProblemReportError(
    typeof code === "string" && code !== "" ? code.slice(0, MAX_CODE) : "e.p",
    typeof comment === "string" ? comment.slice(0, MAX_COMMENT) : "",
    Array.isArray(args) ? args.slice(0, MAX_ARGS).map(readArg) : [],
    message.from,
  );
}

/** What a failed handler says to the sender: the choice of a ProblemReportError, or a code and the error's message without a stack. */
export function reportFor(thrown: unknown, message: Pick<Message, "id">): ProblemReportError {
  if (thrown instanceof ProblemReportError) return thrown;
  // The body of another message, such as the answer to a request of the handler's, is no fault of the sender.
  const code = thrown instanceof BodyError && thrown.messageId === message.id ? BAD_BODY : CANT_PROCESS;
  // Braces would be taken for places of arguments.
  return new ProblemReportError(code, commentOf(thrown).replaceAll(/[{}]/g, ""));
}

/**
 * Makes the report on a message; `undefined` where none may be sent: on a report, or when nobody is known to send it to.
 * Its thread is the message's (`thid`, for agents that match on it) and so is its parent thread (`pthid`, as DIDComm has it).
 */
export function createReport(message: Message, from: string, problem: ProblemReportError): Message | undefined {
  if (message.from === undefined || parseMessageType(message.type)?.protocolName === "report-problem") return undefined;
  const { code, rawComment, args } = problem;
  const body = { code, ...(rawComment !== "" && { comment: rawComment }), ...(args.length > 0 && { args }) };
  return replyTo(message, from, { type: PROBLEM_REPORT, parentThreadId: threadOf(message), body });
}

function commentOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : typeof thrown === "string" ? thrown : "";
  // Some errors carry a stack in their message.
  const [head = ""] = text.split(/\n\s+at /, 1);
  return head === "" ? "The message could not be processed" : head.slice(0, MAX_COMMENT);
}

function readArg(value: unknown): string {
  const text = typeof value === "string" ? value : isJsonObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value);
  return text.slice(0, MAX_ARG);
}

/** Missing arguments read `?`, surplus ones follow the text, as DIDComm has it. */
function interpolate(comment: string, args: readonly string[]): string {
  let used = 0;
  const text = comment.replaceAll(/\{(\d{1,3})\}/g, (_place, digits: string) => {
    const place = Number(digits);
    used = Math.max(used, place);
    return args[place - 1] ?? "?";
  });
  return [text, ...args.slice(used)].join(", ").slice(0, 4 * MAX_COMMENT);
}
