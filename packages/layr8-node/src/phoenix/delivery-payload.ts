import type { MessageToStore } from "../inbox/inbox.ts";
import { PASSED, rejected, TOO_LARGE, type CheckResult } from "../routing/rejection.ts";

/** The parts of a message in a delivery. */
type Deliverable = Pick<MessageToStore, "recipient" | "authorized" | "senderCredentials" | "plaintext">;

/** Bytes of a frame around the payload, without the DID in its topic: refs of up to 256 characters, punctuation, event name. */
const FRAME_BYTES = 1024;
/** Bytes of UTF-8 that one UTF-16 unit takes at most. */
const MAX_BYTES_PER_UNIT = 3;
/** UTF-16 units that JSON takes for one at most: `\u0000`. */
const MAX_UNITS_PER_UNIT = 6;
/** UTF-16 units of a context, without its DID and credentials. */
const CONTEXT_UNITS = 128;

/** The payload of a delivery: the plaintext, and the context that the node adds. */
export function deliveryPayload(message: Deliverable, attempt: number): string {
  return `{"context":${contextOf(message, attempt)},"plaintext":${message.plaintext}}`;
}

/**
 * Rejects a message whose delivery would exceed the limit of a frame, context included. Its size is computed only if an upper bound exceeds
 * the limit.
 *
 * @param maxBytes bytes of UTF-8.
 */
export function checkFrameSize(message: Deliverable, maxBytes: number): CheckResult {
  const { recipient, plaintext, senderCredentials = "" } = message;
  const units = CONTEXT_UNITS + recipient.length * MAX_UNITS_PER_UNIT + senderCredentials.length + plaintext.length;
  const around = FRAME_BYTES + recipient.length * MAX_BYTES_PER_UNIT;
  if (around + units * MAX_BYTES_PER_UNIT <= maxBytes) return PASSED;
  const context = contextOf(message, Number.MAX_SAFE_INTEGER);
  const size = around + Buffer.byteLength(context) + Buffer.byteLength(plaintext);
  if (size <= maxBytes) return PASSED;
  const shown = message.senderCredentials === undefined ? "" : ", with the credentials that it presents";
  const reason = `message too large: it would be delivered in a frame of ${size} bytes${shown}; the limit is ${maxBytes}`;
  return rejected({ label: "too_large", reason, code: TOO_LARGE });
}

function contextOf({ recipient, authorized, senderCredentials = "[]" }: Deliverable, attempt: number): string {
  return `{"recipient":${JSON.stringify(recipient)},"authorized":${authorized},"sender_credentials":${senderCredentials},"attempt":${attempt}}`;
}
