import { createHash } from "node:crypto";
import { KEY_BYTES } from "./send-key.ts";

/** Publish key of a handshake message: a hash of it, so that a message republished after a restart is recorded once. */
export function publishKey(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(payload).digest().subarray(0, KEY_BYTES));
}
