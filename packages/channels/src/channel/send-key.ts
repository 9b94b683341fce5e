import { createHash, createHmac } from "node:crypto";
import type { IdentityKey } from "../identity-key.ts";

export const KEY_BYTES = 16;
const LABEL = "parley channels send id\0";

/** The publish key of a message with an id, for the first attempt (0) and later ones. */
export type SendKeys = (id: string, attempt: number) => Uint8Array;

/**
 * Derives the publish keys of sends with an id. They are the same after a restart, so that the relay detects a repeated send. They are an HMAC
 * with a secret of the agent, a signature that is never published: the relay learns nothing about the id, and others cannot forge the keys.
 */
export function sendKeysOf({ sign }: Pick<IdentityKey, "sign">, channel: string): SendKeys {
  const secret = createHash("sha256")
    .update(sign(Buffer.from(LABEL + channel)))
    .digest();
  return (id, attempt) => {
    // UTF-16 keeps lone surrogates, which UTF-8 would replace, so that different ids differ.
    const mac = createHmac("sha256", secret).update(`${attempt}\0`).update(Buffer.from(id, "utf16le")).digest();
    return Uint8Array.from(mac.subarray(0, KEY_BYTES));
  };
}
