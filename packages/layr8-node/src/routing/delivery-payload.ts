import type { IncomingMessage } from "../inbox/inbox.ts";

/** The parts of a message in a delivery. */
type Deliverable = Pick<IncomingMessage, "recipient" | "authorized" | "senderCredentials" | "plaintext">;

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
 * The size of the frame of a delivery, context included, if it exceeds a limit; otherwise `undefined`. Measured exactly only if an upper
 * bound exceeds the limit.
 *
 * @param maxBytes bytes of UTF-8.
 */
export function oversize(message: Deliverable, maxBytes: number): number | undefined {
  const { recipient, plaintext, senderCredentials = "" } = message;
  const units = CONTEXT_UNITS + recipient.length * MAX_UNITS_PER_UNIT + senderCredentials.length + plaintext.length;
  const around = FRAME_BYTES + recipient.length * MAX_BYTES_PER_UNIT;
  if (around + units * MAX_BYTES_PER_UNIT <= maxBytes) return undefined;
  const context = contextOf(message, Number.MAX_SAFE_INTEGER);
  const size = around + Buffer.byteLength(context) + Buffer.byteLength(plaintext);
  return size > maxBytes ? size : undefined;
}

function contextOf({ recipient, authorized, senderCredentials = "[]" }: Deliverable, attempt: number): string {
  return `{"recipient":${JSON.stringify(recipient)},"authorized":${authorized},"sender_credentials":${senderCredentials},"attempt":${attempt}}`;
}
