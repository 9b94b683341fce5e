import { createHash } from "node:crypto";
import { KEY_BYTES } from "./send-key.ts";

/** The key under which a handshake message is published: the same for the same message, so that it is recorded once, also after a restart. */
export function publishKey(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(payload).digest().subarray(0, KEY_BYTES));
}
