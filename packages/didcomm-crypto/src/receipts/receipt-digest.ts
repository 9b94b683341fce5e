import * as crypto from "node:crypto";
import { receiptText } from "@parley/core/internal";

/**
 * What receipts say of the content of a message: SHA-256 of its plaintext, the JSON text that its sender's agent has written, in UTF-8; in base64url. These bytes
 * are the plaintext of the JWE, without `typ` and `sealed_time` of an agent that encrypts itself.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7516#section-2 | RFC 7516, section 2}, "Plaintext"
 */
export function receiptDigest(plaintext: string): string {
  return crypto.hash("sha256", receiptText(plaintext), "base64url");
}
