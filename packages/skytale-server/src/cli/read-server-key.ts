const BASE64 = /^[\w+/-]{43}=?$/;

/** Reads a server key as text: 32 bytes in base64 or base64url; `undefined` if it is not set. @throws TypeError that does not contain the key */
export function readServerKey(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text === "") return undefined;
  if (!BASE64.test(text.trim())) throw new TypeError("SKYTALE_SERVER_KEY must hold 32 bytes in base64");
  return Buffer.from(text.trim(), "base64");
}
