import { createHash } from "node:crypto";

const GROUPS = 12;
const DIGITS = 5;

/**
 * The safety number of an epoch: 60 decimal digits in groups of five, from the SHA-512 of a label and the epoch's authenticator (RFC 9420 §8.7).
 * Each group is five bytes modulo 100,000.
 */
export function safetyNumberOf(epochAuthenticator: Uint8Array): string {
  const digest = createHash("sha512").update("skytale safety number v1\0").update(epochAuthenticator).digest();
  const groups = Array.from({ length: GROUPS }, (_, at) => digest.readUIntBE(DIGITS * at, DIGITS) % 10 ** DIGITS);
  return groups.map((group) => String(group).padStart(DIGITS, "0")).join(" ");
}
