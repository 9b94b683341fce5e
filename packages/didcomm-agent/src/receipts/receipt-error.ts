import { ParleyError } from "@parley/core";
import { isTemporaryProblem } from "@parley/core/eager";

import type { Receipt } from "./receipt.ts";

/** What is known of a message when a `send` with `until` ends without the wanted receipts. */
export interface UnconfirmedMessage {
  readonly messageId: string;
  /** All receipts so far. */
  readonly receipts: readonly Receipt[];
  /** Recipients that lack the wanted receipt. */
  readonly pending: readonly string[];
}

/**
 * A `send` with `until` ended without the wanted receipts.
 *
 * - `receipt_failed`: the message will not be handled. `problemCode` has the reason; `retryable` if that is temporary.
 * - `receipt_timeout`: not all receipts came in time. The message is not withdrawn: it may still be handled. Sending it again with the same `id` is safe.
 * - `receipt_mismatch`: a recipient has signed that it has received other content under this id. `receipts` ends with that receipt. If the message was sent before
 *   by another process, with another text, it may have been handled then.
 * - `too_many_receipts`: too many calls wait for receipts. Nothing was sent.
 */
export class ReceiptError
  extends ParleyError<"receipt_failed" | "receipt_mismatch" | "receipt_timeout" | "too_many_receipts">
  implements UnconfirmedMessage
{
  override readonly name: string = "ReceiptError";
  readonly messageId: string;
  readonly receipts: readonly Receipt[];
  readonly pending: readonly string[];
  /** Why the message failed: a problem code of DIDComm. */
  readonly problemCode?: string;

  constructor(
    code: ReceiptError["code"],
    message: string,
    known: UnconfirmedMessage,
    options: { problemCode?: string; cause?: unknown } = {},
  ) {
    const { problemCode, cause } = options;
    const isFinal = code === "receipt_mismatch" || (code === "receipt_failed" && !isTemporaryProblem(problemCode));
    super(code, message, { retryable: !isFinal, cause });
    this.messageId = known.messageId;
    this.receipts = known.receipts;
    this.pending = known.pending;
    if (problemCode !== undefined) this.problemCode = problemCode;
  }
}

/**
 * Codes of receipts that were not accepted, which the error handler gets.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `receipt_malformed` | the message is not a receipt as the protocol defines it | no |
 * | `receipt_unknown_message` | this client does not know the message that the receipt names: it has not sent it, or has not asked for receipts | no |
 * | `receipt_wrong_sender` | the receipt comes from a DID to which the message was not sent | no |
 * | `receipt_forged` | the signature is invalid, or that of another DID | no |
 * | `receipt_other_message` | the signed receipt is about another message, or for another sender | no |
 * | `receipt_altered` | the signed receipt has another state, code or digest than the message around it | no |
 * | `receipt_mismatch` | the recipient has received other content under the id of the message | no |
 * | `receipt_replayed` | the recipient has said this before | no |
 * | `receipt_out_of_order` | the recipient has said before that the message has come further | no |
 * | `receipt_unverified` | the signer's DID document could not be read now; the node delivers the receipt again | yes |
 */
export type ReceiptRejectionCode =
  | "receipt_malformed"
  | "receipt_unknown_message"
  | "receipt_wrong_sender"
  | "receipt_forged"
  | "receipt_other_message"
  | "receipt_altered"
  | "receipt_mismatch"
  | "receipt_replayed"
  | "receipt_out_of_order"
  | "receipt_unverified";

/** A receipt that was not accepted. */
export class ReceiptRejectedError extends ParleyError<ReceiptRejectionCode> {
  override readonly name: string = "ReceiptRejectedError";

  constructor(code: ReceiptRejectionCode, message: string, cause?: unknown) {
    super(code, message, { retryable: code === "receipt_unverified", cause });
  }
}
