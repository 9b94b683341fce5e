import { createMessage, protocolOf, threadOf, type Message } from "@parley/core";

const REPORT_PROBLEM = "https://didcomm.org/report-problem/2.0";

/**
 * Tells the sender of a message that it came to nothing. `undefined` where no report may be made: on reports themselves, and to
 * nobody.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#problem-reports | DIDComm v2.1, Problem Reports}
 */
export function reportProblem(
  about: Message,
  from: string,
  code: string,
  comment: string,
  args: readonly string[] = [],
): Message | undefined {
  if (about.from === undefined || protocolOf(about.type) === REPORT_PROBLEM) return undefined;
  const thread = threadOf(about);
  return createMessage({
    type: `${REPORT_PROBLEM}/problem-report`,
    from,
    to: about.from,
    threadId: thread,
    parentThreadId: thread,
    ...(about.traceContext !== undefined && { traceContext: about.traceContext }),
    body: { code, comment, ...(args.length > 0 && { args }) },
  });
}
