import { encodeBase64url, receiptText } from "@parley/core/eager";

/** The digest that receipts of a message have: SHA-256 of its text in UTF-8, in base64url. */
export async function digestOf(plaintext: string): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest("SHA-256", new TextEncoder().encode(receiptText(plaintext)));
  return encodeBase64url(new Uint8Array(digest));
}
