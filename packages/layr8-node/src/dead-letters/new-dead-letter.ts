import type { OutboundMessage } from "../federation/outbound/outbound-message.ts";
import type { InboxMessage } from "../inbox/inbox.ts";
import type { Problem } from "../routing/respond/failure-reporter.ts";
import type { NewDeadLetter } from "./dead-letter.ts";

/** The dead letter of a message that an agent here did not handle. */
export function inboundDeadLetter(message: InboxMessage, problem: Problem): NewDeadLetter {
  const { recipient, id, type, from, thread, parentThread, plaintext, authorized, senderCredentials } = message;
  return {
    ...about(problem),
    did: recipient,
    direction: "inbound",
    messageId: id,
    type,
    from,
    to: recipient,
    thread,
    parentThread,
    authorized,
    senderCredentials,
    plaintext,
  };
}

/** The dead letter of a message that an agent here has sent, and that its recipient's node did not accept. */
export function outboundDeadLetter({ sender, recipient, id, type, plaintext }: OutboundMessage, problem: Problem): NewDeadLetter {
  return {
    ...about(problem),
    did: sender,
    direction: "outbound",
    messageId: id,
    type,
    from: sender,
    to: recipient,
    authorized: true,
    plaintext,
  };
}

/** Code and text of a problem, its arguments filled in. */
function about({ code, comment, args = [] }: Problem): { readonly code: string; readonly reason: string } {
  return { code, reason: comment.replaceAll(/\{(\d+)\}/g, (placeholder, index) => args[Number(index) - 1] ?? placeholder) };
}
