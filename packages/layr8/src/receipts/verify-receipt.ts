import { lazily } from "@parley/core/lazily";
import { describeKind, rejectUnknownOptions } from "@parley/core/eager";
import type { VerifiedReceipt, VerifyReceiptOptions } from "./verify-receipt-options.ts";

/** Signatures and the resolution of DIDs are loaded by the first verification. */
const load = lazily(() => import("./signed-receipts.ts"));

/**
 * Verifies a receipt without the client that got it, for instance one that another party shows as evidence: `signed` of a receipt.
 *
 * @throws DidcommCryptoError whose code names the failed check; ParleyError `receipt_malformed`; the signal's reason.
 * @example
 * ```ts
 * import { verifyReceipt } from "layr8";
 *
 * async function wasHandled(signed: string, messageId: string, by: string): Promise<boolean> {
 *   const receipt = await verifyReceipt(signed);
 *   return receipt.state === "handled" && receipt.messageId === messageId && receipt.from === by;
 * }
 * ```
 */
export async function verifyReceipt(signed: string, options: VerifyReceiptOptions = {}): Promise<VerifiedReceipt> {
  if (typeof signed !== "string") throw new TypeError(`A signed receipt is a text, not ${describeKind(signed)}`);
  rejectUnknownOptions(options, ["resolver", "resolution", "signal"]);
  const { verifySignedReceipt } = await load();
  return verifySignedReceipt(signed, options);
}
