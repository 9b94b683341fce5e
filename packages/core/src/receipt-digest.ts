import * as crypto from "node:crypto";
import { isJsonObject } from "./json.ts";

/** Header of a message that its agent has encrypted itself: when, in seconds since 1970. */
export const SEALED_TIME = "sealed_time";

/**
 * What receipts say of the content of a message: SHA-256 of its plaintext, the JSON text that its sender's agent has written, in UTF-8; in base64url. Nodes pass
 * this text on unchanged, as the plaintext of a JWE (RFC 7516, section 2). An agent that encrypts a message itself adds `typ` and `sealed_time` each time: they do
 * not count.
 */
export function receiptDigest(plaintext: string): string {
  return crypto.hash("sha256", asWritten(plaintext), "base64url");
}

function asWritten(plaintext: string): string {
  if (!plaintext.includes(`"${SEALED_TIME}":`)) return plaintext;
  const value: unknown = JSON.parse(plaintext);
  if (!isJsonObject(value) || !Object.hasOwn(value, SEALED_TIME)) return plaintext;
  const { typ: _typ, [SEALED_TIME]: _time, ...written } = value;
  return JSON.stringify(written);
}
