import { base58 } from "@scure/base";

/** Encodes bytes in base58btc. */
export function encodeBase58(bytes: Uint8Array): string {
  return base58.encode(bytes);
}

/** Decodes base58btc. `undefined` for any other text. The work grows with the square of the length: the caller checks the length first. */
export function decodeBase58(text: string): Uint8Array | undefined {
  try {
    return base58.decode(text);
  } catch {
    return undefined;
  }
}
