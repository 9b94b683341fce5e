import { createMessage, protocolOf, threadOf, type JsonObject, type Message } from "@parley/core";
import { WRAPPER_TYPE } from "@parley/didcomm-crypto";
import { DENIED, type GrantRefusal } from "../authorize/policy.ts";
import type { CredentialDemand } from "../authorize/policy-options.ts";
import { isReceipt } from "./receipts.ts";

/** Why neither credentials nor grants help with a message that agents have encrypted. */
const INVISIBLE = 'Its node can\'t see them in a message that agents have encrypted, unless its policy has "encrypted": "allow"';
const REPORT_PROBLEM = "https://didcomm.org/report-problem/2.0";
/** Characters of one argument of a comment. */
const MAX_ARG = 1024;

export function isProblemReport({ type }: Pick<Message, "type">): boolean {
  return protocolOf(type) === REPORT_PROBLEM;
}

/**
 * Creates a problem report for the sender of a message. Returns `undefined` for reports, receipts and anonymous messages, which must not
 * be reported on. The arguments are filled into the comment, since not every SDK does that, and are in `args` too.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#problem-reports | DIDComm v2.1, Problem Reports}
 */
export function reportProblem(
  about: Message,
  from: string,
  code: string,
  comment: string,
  args: readonly string[] = [],
  more: JsonObject = {},
): Message | undefined {
  if (about.from === undefined || isProblemReport(about) || isReceipt(about)) return undefined;
  const thread = threadOf(about);
  const cut = args.map((arg) => arg.slice(0, MAX_ARG));
  return createMessage({
    type: `${REPORT_PROBLEM}/problem-report`,
    from,
    to: about.from,
    threadId: thread,
    parentThreadId: thread,
    ...(about.traceContext !== undefined && { traceContext: about.traceContext }),
    body: { code, comment: fillIn(comment, cut), ...(cut.length > 0 && { args: cut }), ...more },
  });
}

/**
 * Creates a problem report about the credentials that a recipient's policy requires. `missing` in the body lists them for programs: `[{
 * type, issuers }]`.
 */
export function reportDenial(about: Message, from: string, missing: readonly CredentialDemand[]): Message | undefined {
  const wanted = missing.map(({ type, issuers }) => `${type} from ${issuers.includes("*") ? "any issuer" : issuers.join(" or ")}`);
  const list = wanted.map((_, index) => `{${index + 3}}`).join(", ");
  const comment =
    about.type === WRAPPER_TYPE
      ? `{1} takes messages only from senders that present: ${list}. ${INVISIBLE}`
      : `{1} takes {2} only from senders that present: ${list}`;
  return reportProblem(about, from, DENIED, comment, [from, about.type, ...wanted], {
    missing: missing.map(({ type, issuers }) => ({ type, issuers: [...issuers] })),
  });
}

/** Id of the attachment that explains a denial; layr8's name. */
const DECISION = "helix-decision";

/**
 * Creates a problem report about a message that no grant permits. Like a report of layr8's nodes, it names the thread as `pthid` only, and its
 * attachment `helix-decision` explains the decision: `{ allow: false, reason: "no_grant" | "grant_not_applicable" | "encrypted", resource, type, issuers,
 * grants: [{ attachment, code, detail }] }`.
 *
 * @see layr8/node-sdk, tests/message_lastmod_time.test.ts and tests/attach-grants.test.ts
 */
export function reportUngranted(about: Message, from: string, { issuers, considered }: GrantRefusal): Message | undefined {
  const names = issuers.includes("*") ? "any issuer" : issuers.join(" or ");
  const isEncrypted = about.type === WRAPPER_TYPE;
  const why = considered.length === 0 ? "none is attached" : "none of those attached permits it";
  const comment = isEncrypted
    ? `{1} takes messages from this sender only with a grant of {3}. ${INVISIBLE}`
    : `{1} takes {2} from this sender only with a grant of {3}: ${why}`;
  const report = reportProblem(about, from, DENIED, comment, [from, about.type, names]);
  if (report === undefined) return undefined;
  const { threadId: _, ...onParent } = report;
  const decision = {
    allow: false,
    reason: isEncrypted ? "encrypted" : considered.length === 0 ? "no_grant" : "grant_not_applicable",
    resource: from,
    type: about.type,
    issuers: [...issuers],
    grants: considered.map(({ attachment, code, detail }) => ({ attachment, code, detail })),
  };
  const attachment = { id: DECISION, mediaType: "application/json", lastModifiedTime: new Date().toISOString(), data: { json: decision } };
  return { ...onParent, attachments: [attachment] };
}

/** Replaces `{1}`, `{2}` … by the arguments. */
function fillIn(comment: string, args: readonly string[]): string {
  return comment.replaceAll(/\{(\d+)\}/g, (place, number: string) => args[Number(number) - 1] ?? place);
}
