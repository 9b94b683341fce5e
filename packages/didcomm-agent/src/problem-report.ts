import { ParleyError, parseMessageType, replyTo, threadOf, type Attachment, type Message } from "@parley/core";
import { describeKind, isTemporaryProblem } from "@parley/core/eager";

import { BodyError } from "./schema.ts";

/** Type of the problem reports that are sent. */
const PROBLEM_REPORT = "https://didcomm.org/report-problem/2.0/problem-report";

/** A handler failed. */
const CANT_PROCESS = "e.p.xfer.cant-process";
/** The body does not fit the handler's schema. */
const BAD_BODY = "e.p.msg.bad-body";
/** The plaintext could not be read as a DIDComm message. */
export const MALFORMED = "e.p.msg.malformed";
/** The message's time was over before it was handled. */
export const EXPIRED = "e.p.msg.expired";

/** A sorter (error or warning), a scope (protocol, message or a state of the protocol), then words. Prefixes of codes count too. */
const CODE = /^[ew]\.[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/;
const CODE_NEEDED =
  'A problem report needs a problem code of DIDComm, such as "e.p.req.out-of-stock": e (error) or w (warning), p (the protocol) or m (the message), then words in small letters and digits, with dots between and hyphens inside';
const MAX_CODE = 256;
const MAX_COMMENT = 1024;
const MAX_ARGS = 16;
const MAX_ARG = 256;
const MAX_REFERENCE = 256;
/** The place of an argument in a comment. */
const PLACE = /\{\d{1,3}\}/;

/**
 * A DIDComm problem report as an error: `request` rejects with it when the other side reports a problem on the thread, and a handler
 * that throws it chooses the report that the sender gets.
 *
 * `code` is the report's own code, such as `e.p.xfer.cant-process`.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#problem-reports | DIDComm v2.1, Problem Reports}
 * @example
 * ```ts
 * import { ProblemReportError } from "layr8";
 *
 * throw new ProblemReportError("e.p.req.out-of-stock", "Only {1} left", ["3"]);
 * ```
 */
export class ProblemReportError extends ParleyError {
  override readonly name: string = "ProblemReportError";
  /** What went wrong, for people, with `args` in the places of `{1}`, `{2}` … */
  readonly comment: string;
  /** The comment as it stands on the wire. */
  readonly rawComment: string;
  readonly args: readonly string[];
  /** The DID that reported it. Absent on an error that this program made. */
  readonly from?: string;
  /** The attachments of a received report. On a node's denial, `helix-decision` has the reason for which none of the attached grants permits the message. */
  readonly attachments: readonly Attachment[];

  constructor(code: string, comment = "", args: readonly string[] = [], from?: string, attachments: readonly Attachment[] = []) {
    // Other agents' codes are read as they are.
    if (from === undefined && !isProblemCode(code)) throw new TypeError(CODE_NEEDED);
    if (typeof comment !== "string") throw new TypeError(`The comment of a problem report must be text, not ${describeKind(comment)}`);
    if (!Array.isArray(args)) throw new TypeError(`The args of a problem report must be a list of texts, not ${describeKind(args)}`);
    const text = interpolate(comment, args);
    super(code, text === "" ? code : `${code}: ${text}`, { retryable: isTemporaryProblem(code) });
    this.comment = text;
    this.rawComment = comment;
    this.args = args.map(String);
    this.attachments = attachments;
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
    isCodeOf(message, code) ? code.slice(0, MAX_CODE) : "e.p",
    typeof comment === "string" ? comment.slice(0, MAX_COMMENT) : "",
    Array.isArray(args) ? args.slice(0, MAX_ARGS).map(readArg) : [],
    message.from,
    message.attachments,
  );
}

/** Whether a report's code is one that can be read. That of an anonymous report has to be a problem code. */
function isCodeOf(message: Message, code: unknown): code is string {
  return message.from === undefined ? isProblemCode(code) : typeof code === "string" && code !== "";
}

function isProblemCode(code: unknown): code is string {
  return typeof code === "string" && code.length <= MAX_CODE && CODE.test(code);
}

/** Whether a handler chose this report itself. One with a `from` was received from another agent. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof ProblemReportError && thrown.from === undefined;
}

/** Whether a body that its sender wrote does not match the schema. That of another message, such as a response, is not the sender's fault. */
export function isBadBody(thrown: unknown, message: Pick<Message, "id">): thrown is BodyError {
  return thrown instanceof BodyError && thrown.messageId === message.id;
}

/**
 * The report on a message whose handling failed. The text of a ProblemReportError travels, and so do the schema's findings about the
 * sender's body. Any other error may contain private details, so the report has a reference instead: the message's id, which both
 * sides log.
 *
 * @param what the sentence's subject, such as `The handler failed`.
 * @param exposeErrors sends the error's message instead of the reference, without its stack.
 */
export function reportFor(thrown: unknown, message: Pick<Message, "id">, what: string, exposeErrors: boolean): ProblemReportError {
  if (thrown instanceof ProblemReportError) {
    // A report of another agent that is passed on keeps its words; its code has to be one that the next agent can read.
    return isProblemCode(thrown.code) ? thrown : new ProblemReportError(CANT_PROCESS, thrown.rawComment, thrown.args);
  }
  const badBody = isBadBody(thrown, message);
  const text = badBody || exposeErrors ? textOf(thrown) : "";
  return new ProblemReportError(
    badBody ? BAD_BODY : CANT_PROCESS,
    // Braces would be taken for places of arguments.
    (text === "" ? `${what} (reference ${message.id.slice(0, MAX_REFERENCE)})` : text).replaceAll(/[{}]/g, ""),
  );
}

/**
 * Makes the report on a message, each member cut to its limit. `undefined` where none may be sent: on a report, or to an unknown sender.
 * Its thread is the message's (`thid`, for agents that match on it) and so is its parent thread (`pthid`, as DIDComm has it).
 */
export function createReport(message: Message, from: string, problem: ProblemReportError): Message | undefined {
  if (message.from === undefined || parseMessageType(message.type)?.protocolName === "report-problem") return undefined;
  // Filled in, since not every SDK does that; unless an argument looks like another one's place.
  const comment = (PLACE.test(problem.comment) ? problem.rawComment : problem.comment).slice(0, MAX_COMMENT);
  const args = problem.args.slice(0, MAX_ARGS).map((arg) => arg.slice(0, MAX_ARG));
  const body = { code: problem.code, ...(comment !== "" && { comment }), ...(args.length > 0 && { args }) };
  return replyTo(message, from, { type: PROBLEM_REPORT, parentThreadId: threadOf(message), body });
}

/** The message of an error; some carry a stack in it. */
function textOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : typeof thrown === "string" ? thrown : "";
  const [head = ""] = text.split(/\n\s+at /, 1);
  return head.slice(0, MAX_COMMENT);
}

function readArg(value: unknown): string {
  if (typeof value === "string") return value.slice(0, MAX_ARG);
  try {
    return (JSON.stringify(value) ?? "").slice(0, MAX_ARG);
  } catch {
    return "?"; // nested deeper than can be written
  }
}

/**
 * Missing arguments read `?`, surplus ones follow the text, as DIDComm has it; except those that stand in it already, because some
 * senders fill them in and list them as well.
 */
function interpolate(comment: string, args: readonly string[]): string {
  let used = 0;
  const text = comment.replaceAll(/\{(\d{1,3})\}/g, (_place, digits: string) => {
    const place = Number(digits);
    used = Math.max(used, place);
    return args[place - 1] ?? "?";
  });
  const surplus = args.slice(used).filter((arg) => !text.includes(arg));
  return [text, ...surplus].join(", ").slice(0, 4 * MAX_COMMENT);
}
