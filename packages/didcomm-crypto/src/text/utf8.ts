import { isUtf8 } from "node:buffer";
import { asBuffer } from "./base64url.ts";

/** Reads UTF-8; `undefined` if it is none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? asBuffer(bytes).toString("utf8") : undefined;
}
