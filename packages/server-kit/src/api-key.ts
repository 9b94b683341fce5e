import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const SECRET_BYTES = 32;

/** Creates an API key: the prefix, and 256 random bits in base64url. */
export function createKey(prefix: string): string {
  return prefix + randomBytes(SECRET_BYTES).toString("base64url");
}

/** SHA-256 of a key, base64url: the form in which keys are stored. The keys are too long to guess, so a slow hash would only cost time. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("base64url");
}

/** Whether a presented key has a stored hash. Takes the same time for all keys of one length. */
export function isKeyOf(hash: string, presented: string): boolean {
  const [stored, computed] = [Buffer.from(hash), Buffer.from(hashKey(presented))];
  return stored.length === computed.length && timingSafeEqual(stored, computed);
}
