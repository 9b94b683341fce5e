import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { expandWithLabel, mlsLabel } from "../crypto/message-labels.ts";
import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/sized-writer.ts";

/** Bytes of a reuse guard. */
export const REUSE_GUARD = 4;

/** Who sent a message, and with which key ([RFC 9420 §6.3.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3.2)). */
export interface SenderData {
  readonly leaf: number;
  readonly generation: number;
  readonly reuseGuard: Uint8Array;
}

const KEY = mlsLabel("key");
const NONCE = mlsLabel("nonce");
const SIZE = 4 + 4 + REUSE_GUARD;

/** Key and nonce for the sender data of a message, which follow from a sample of its ciphertext. */
export function senderDataKey(
  crypto: MessageCrypto,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const sample = ciphertext.subarray(0, crypto.hashLength);
  return {
    key: expandWithLabel(crypto, senderDataSecret, KEY, sample, crypto.keyLength),
    nonce: expandWithLabel(crypto, senderDataSecret, NONCE, sample, crypto.nonceLength),
  };
}

export function sealSenderData(
  crypto: MessageCrypto,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
  aad: Uint8Array,
  { leaf, generation, reuseGuard }: SenderData,
): Uint8Array {
  const { key, nonce } = senderDataKey(crypto, senderDataSecret, ciphertext);
  const plaintext = new Writer(SIZE).u32(leaf).u32(generation).bytes(reuseGuard).finish();
  const sealed = crypto.seal(key, nonce, aad, plaintext);
  key.fill(0);
  return sealed;
}

/** `undefined` when it isn't of this epoch, or not well formed. */
export function openSenderData(
  crypto: MessageCrypto,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
  aad: Uint8Array,
  encrypted: Uint8Array,
): SenderData | undefined {
  const { key, nonce } = senderDataKey(crypto, senderDataSecret, ciphertext);
  const plaintext = crypto.open(key, nonce, aad, encrypted);
  key.fill(0);
  if (plaintext?.length !== SIZE) return undefined;
  const reader = new Reader(plaintext);
  return { leaf: reader.u32(), generation: reader.u32(), reuseGuard: reader.rest() };
}

/** Combines a nonce with the reuse guard, in place. */
export function applyReuseGuard(nonce: Uint8Array, guard: Uint8Array): Uint8Array {
  for (const [at, byte] of guard.entries()) nonce[at] = (nonce[at] ?? 0) ^ byte;
  return nonce;
}
