import { isJsonObject, ParleyError, type JsonObject, type Message } from "@parley/core";
import { readReceiptBody, RECEIPT, type ReceiptBody } from "@parley/core/eager";

import type { Receipt, ReceiptVerifier } from "./receipt.ts";
import { ReceiptRejectedError } from "./receipt-error.ts";

/** Characters of a signed receipt: ids and DIDs have up to 2,048 each. */
const MAX_SIGNED = 32 * 1024;

/** The claims of a receipt, before its signature is verified. */
export interface ClaimedReceipt extends ReceiptBody {
  readonly from: string;
  readonly signed: JsonObject;
}

/** Reads a message of the type {@link RECEIPT}. @throws ReceiptRejectedError `receipt_malformed` */
export function readClaim({ from, body, attachments = [] }: Message): ClaimedReceipt {
  const content = readReceiptBody(body);
  const [attachment, more] = attachments;
  const signed = attachment?.data.json;
  if (from === undefined || content === undefined || more !== undefined || !isJsonObject(signed)) throw malformed();
  return { ...content, from, signed };
}

/**
 * Verifies a receipt.
 *
 * @param sender the agent that has sent the message.
 * @throws ReceiptRejectedError `receipt_malformed`, `receipt_forged`, `receipt_other_message`, `receipt_altered`, `receipt_unverified`
 */
export async function verifyClaim(claim: ClaimedReceipt, sender: string, verify: ReceiptVerifier): Promise<Receipt> {
  const text = JSON.stringify(claim.signed);
  if (text.length > MAX_SIGNED) throw malformed();
  const message = await verified(claim.signed, verify);
  const { from, to, type, createdTime } = message;
  if (from !== claim.from) throw new ReceiptRejectedError("receipt_forged", `The receipt is signed by another DID than ${claim.from}`);
  const content = type === RECEIPT ? readReceiptBody(message.body) : undefined;
  if (content === undefined) throw malformed();
  const { messageId, state, code, digest } = content;
  if (messageId !== claim.messageId || to.length !== 1 || to[0] !== sender) {
    throw new ReceiptRejectedError("receipt_other_message", "The signed receipt is about another message, or for another sender");
  }
  if (state !== claim.state || code !== claim.code || digest !== claim.digest) {
    throw new ReceiptRejectedError("receipt_altered", "The signed receipt has another state, code or digest than the message around it");
  }
  const time = createdTime === undefined ? {} : { time: createdTime };
  return { ...content, from, ...time, signed: text };
}

async function verified(signed: JsonObject, verify: ReceiptVerifier): Promise<Message> {
  try {
    return await verify(signed);
  } catch (error) {
    const { retryable, message } = ParleyError.from(error);
    const code = retryable ? "receipt_unverified" : "receipt_forged";
    throw new ReceiptRejectedError(code, `The receipt could not be verified: ${message}`, error);
  }
}

function malformed(): ReceiptRejectedError {
  return new ReceiptRejectedError("receipt_malformed", "The receipt is malformed");
}
