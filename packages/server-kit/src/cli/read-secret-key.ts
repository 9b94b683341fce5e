import type { Environment } from "./run-command.ts";

const BYTES = 32;

/**
 * Reads a key of 32 bytes, in base64 or base64url, from an environment variable; `undefined` if that is not set or empty.
 *
 * @throws TypeError without the text, which is secret.
 */
export function readSecretKey(environment: Environment, variable: string): Uint8Array | undefined {
  const text = environment[variable]?.trim();
  if (text === undefined || text === "") return undefined;
  const bytes = /^[\w+/-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(0);
  if (bytes.length !== BYTES) throw new TypeError(`${variable} must hold ${BYTES} bytes in base64`);
  return bytes;
}
