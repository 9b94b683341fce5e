import { base58 } from "@scure/base";

/** Enough for the longest signature, 96 bytes. Decoding work grows with the square of the length. */
const MAX_LENGTH = 141;

/** Encodes a signature as `proofValue`: multibase base58btc. */
export function encodeProofValue(signature: Uint8Array): string {
  return `z${base58.encode(signature)}`;
}

/** Decodes a `proofValue`. `undefined` if it is not multibase base58btc, or has more than 141 characters. */
export function decodeProofValue(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > MAX_LENGTH || !text.startsWith("z")) return undefined;
  try {
    return Uint8Array.from(base58.decode(text.slice(1)));
  } catch {
    return undefined;
  }
}
