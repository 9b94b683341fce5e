const NODE_KEY_BYTES = 32;
const BASE64 = /^[\w+/-]+={0,2}$/;

/**
 * Parses a node key: 32 bytes in base64 or base64url. Returns `undefined` for a missing or empty text.
 *
 * @throws TypeError without the text, which is secret.
 */
export function readNodeKey(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text === "") return undefined;
  const bytes = BASE64.test(text.trim()) ? Buffer.from(text.trim(), "base64") : Buffer.alloc(0);
  if (bytes.length !== NODE_KEY_BYTES) throw new TypeError(`LAYR8_NODE_KEY must hold ${NODE_KEY_BYTES} bytes in base64`);
  return bytes;
}
