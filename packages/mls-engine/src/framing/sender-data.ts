import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { erase, expandWithLabel } from "../crypto/labels.ts";
import { REUSE_GUARD } from "./reuse-guard.ts";

/** The sender of a PrivateMessage and the generation of its key ([RFC 9420 §6.3.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3.2)). */
export interface SenderData {
  readonly leaf: number;
  readonly generation: number;
  readonly reuseGuard: Uint8Array;
}

const SIZE = 4 + 4 + REUSE_GUARD;

/**
 * The key and nonce for the sender data of a message. They are derived from the epoch's sender data secret and a sample of the message's
 * ciphertext, so they differ from message to message although the secret is one for the epoch.
 */
export function senderDataKey(
  suite: CipherSuite,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const sample = ciphertext.subarray(0, suite.hashLength);
  return {
    key: expandWithLabel(suite, senderDataSecret, "key", sample, suite.keyLength),
    nonce: expandWithLabel(suite, senderDataSecret, "nonce", sample, suite.nonceLength),
  };
}

export function sealSenderData(
  suite: CipherSuite,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
  aad: Uint8Array,
  { leaf, generation, reuseGuard }: SenderData,
): Uint8Array {
  const { key, nonce } = senderDataKey(suite, senderDataSecret, ciphertext);
  const plaintext = new Writer(SIZE).u32(leaf).u32(generation).raw(reuseGuard).finish();
  const sealed = suite.seal(key, nonce, aad, plaintext);
  erase(key);
  return sealed;
}

/** `undefined` if the sender data was not encrypted by a member of this epoch, or is malformed. */
export function openSenderData(
  suite: CipherSuite,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
  aad: Uint8Array,
  encrypted: Uint8Array,
): SenderData | undefined {
  const { key, nonce } = senderDataKey(suite, senderDataSecret, ciphertext);
  const plaintext = suite.open(key, nonce, aad, encrypted);
  erase(key);
  if (plaintext?.length !== SIZE) return undefined;
  const reader = new Reader(plaintext);
  return { leaf: reader.u32(), generation: reader.u32(), reuseGuard: reader.rest() };
}
