import type { CipherSuite } from "../crypto/cipher-suite.ts";

/** Key and nonce of one generation. The nonce is not combined with a reuse guard yet. */
export interface MessageKey {
  readonly generation: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** Splits the concatenated key and nonce of a generation. The result shares the memory of `both`. */
export function splitKey(suite: CipherSuite, generation: number, both: Uint8Array): MessageKey {
  return { generation, key: both.subarray(0, suite.keyLength), nonce: both.subarray(suite.keyLength) };
}
