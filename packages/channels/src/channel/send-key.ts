import { createHash, createHmac } from "node:crypto";
import type { IdentityKey } from "../identity-key.ts";

export const KEY_BYTES = 16;
const LABEL = "parley channels send id\0";

/** The key under which an agent's message with an id is published, at the first attempt (0) and at later ones. */
export type SendKeys = (id: string, attempt: number) => Uint8Array;

/**
 * Keys of sends with an id: the same again in every life of the agent, so that the relay knows a repetition. They come from a secret of the
 * agent, a signature that it shows nobody, so that they tell the relay nothing of the id, and nobody else can make them.
 */
export function sendKeysOf({ sign }: Pick<IdentityKey, "sign">, channel: string): SendKeys {
  const secret = createHash("sha256")
    .update(sign(Buffer.from(LABEL + channel)))
    .digest();
  return (id, attempt) => {
    // UTF-16, in which any two strings differ.
    const mac = createHmac("sha256", secret).update(`${attempt}\0`).update(Buffer.from(id, "utf16le")).digest();
    return Uint8Array.from(mac.subarray(0, KEY_BYTES));
  };
}
