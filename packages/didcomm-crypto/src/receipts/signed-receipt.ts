import * as crypto from "node:crypto";
import { createMessage, isJsonObject, type JsonObject, type Message, type ReceiptState } from "@parley/core";
import { ACK, RECEIPT } from "@parley/core/internal";

/** What a receipt is to say. */
export interface ReceiptFacts {
  readonly messageId: string;
  /** The sender of the message, who gets the receipt. */
  readonly sender: string;
  /** The recipient of the message, which says it. */
  readonly recipient: string;
  readonly state: ReceiptState;
  /** Why the message failed: a problem code. */
  readonly code?: string | undefined;
  /** See `receiptDigest`. */
  readonly digest?: string | undefined;
  /** In milliseconds since 1970. */
  readonly now: number;
}

/**
 * Makes a receipt, not yet signed. Its id is derived from message, recipient and state, so that one that is made again after a crash is a duplicate. It has no
 * thread, so that agents that know nothing of receipts do not take it for the response to a request.
 */
export function createReceipt({ messageId, sender, recipient, state, code, digest, now }: ReceiptFacts): Message {
  return createMessage({
    id: derivedId(messageId, sender, recipient, state),
    type: RECEIPT,
    from: recipient,
    to: sender,
    createdTime: Math.floor(now / 1000),
    body: { message_id: messageId, state, ...(code !== undefined && { code }), ...(digest !== undefined && { digest }) },
  });
}

/** A receipt with its signed form. @param signed a JWS in JSON, as `packSigned` makes it */
export function attachSignature(receipt: Message, signed: string): Message {
  const { message_id: messageId, state } = receipt.body;
  const attachment = { id: "signed", mediaType: "application/didcomm-signed+json", data: { json: jwsOf(signed) } };
  return {
    ...receipt,
    attachments: [attachment],
    ...(state === "handled" && typeof messageId === "string" && { headers: { [ACK]: [messageId] } }),
  };
}

function jwsOf(text: string): JsonObject {
  const jws: unknown = JSON.parse(text);
  if (!isJsonObject(jws)) throw new TypeError("A signed message must be a JSON object");
  return jws;
}

/** A UUID (version 8). */
function derivedId(...parts: readonly string[]): string {
  const digest = crypto.hash("sha256", JSON.stringify([RECEIPT, ...parts]), "hex");
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
