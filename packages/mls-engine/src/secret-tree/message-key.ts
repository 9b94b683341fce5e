import type { MessageCrypto } from "../crypto/mls-crypto.ts";

/** Key and nonce of one generation. The nonce is not yet combined with the reuse guard. */
export interface MessageKey {
  readonly generation: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** Takes apart what a ratchet keeps for a generation; the halves share its memory. */
export function splitKey(crypto: MessageCrypto, generation: number, both: Uint8Array): MessageKey {
  return { generation, key: both.subarray(0, crypto.keyLength), nonce: both.subarray(crypto.keyLength) };
}
