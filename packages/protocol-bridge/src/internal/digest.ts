import { createHash } from "node:crypto";

/** SHA-256 of texts, as 43 characters of base64url. The texts are hashed as a JSON array, so their boundaries are unambiguous. */
export function digest(...texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("base64url");
}

/** SHA-256 of bytes, as 43 characters of base64url. */
export function digestBytes(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url");
}

/** A UUID (version 8 of RFC 9562) derived from texts, for message ids that must be UUIDs. */
export function digestUuid(...texts: readonly string[]): string {
  const bytes = createHash("sha256").update(JSON.stringify(texts)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
