import { isUtf8 } from "node:buffer";
import { asBuffer } from "./base64url.ts";

/** Decodes UTF-8. `undefined` if the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? asBuffer(bytes).toString("utf8") : undefined;
}
