import type { JsonObject, Message, ReceiptState } from "@parley/core";

/** What a recipient, or its node, says about a message that was sent. */
export interface Receipt {
  readonly state: ReceiptState;
  /** The message that it is about. */
  readonly messageId: string;
  /** The recipient that it is about, and whose key has signed it. */
  readonly from: string;
  /** When it was signed: seconds since 1970, as the signer's clock has it. */
  readonly time?: number;
  /** Why the message failed: a problem code of DIDComm, such as `e.p.msg.expired`. */
  readonly code?: string;
  /**
   * What was received: SHA-256 of the text that `onPlaintext` gets, in UTF-8; in base64url. This client has compared it. Absent if the receipt says nothing about
   * the content: receipts of earlier versions, plain acknowledgements, and `queued` of a message that was sent again.
   */
  readonly digest?: string;
  /**
   * The receipt as it was signed, a JWS in JSON, which anyone can verify. Absent on a plain acknowledgement (header `ack`), as agents of other SDKs may send:
   * it counts as `delivered`.
   */
  readonly signed?: string;
}

/**
 * Verifies a signed message with the key that its signer's DID document lists for authentication.
 *
 * @returns the message, whose `from` is the signer.
 * @throws ParleyError, with `retryable` if the document could not be read now.
 */
export type ReceiptVerifier = (signed: JsonObject) => Promise<Message>;

/** How far a message has come: later states include earlier ones. */
export const RANKS: Readonly<Record<ReceiptState, number>> = { queued: 1, delivered: 2, handled: 3, failed: 3 };
