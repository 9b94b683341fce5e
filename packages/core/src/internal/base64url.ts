/** Bytes per call of `String.fromCharCode`: engines limit the number of arguments. */
const CHUNK = 0x2000;

/** Writes bytes in base64url without padding (RFC 7515, section 2). */
export function encodeBase64url(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += CHUNK) {
    // Spread arguments would be read one by one.
    binary += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(i, i + CHUNK)) as string;
  }
  return btoa(binary).replace(/=/g, "").replace(/\+/g, "-").replace(/\//g, "_");
}

/** Reads base64url without padding; `undefined` for anything but the one spelling of some bytes. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i);
  // Only the last character can have bits beyond the last byte.
  const rest = bytes.length % 3;
  return rest === 0 || text.endsWith(encodeBase64url(bytes.subarray(-rest))) ? bytes : undefined;
}
