import { base64url } from "jose";

/** Writes bytes in base64url without padding. */
export function encodeBase64url(bytes: Uint8Array): string {
  return base64url.encode(bytes);
}

/** Reads base64url without padding; `undefined` for anything but the one spelling of some bytes. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(base64url.decode(text));
  return base64url.encode(bytes) === text ? bytes : undefined;
}

/** Reads base64url of UTF-8; `undefined` if it is not both. */
export function decodeBase64urlText(text: string): string | undefined {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
