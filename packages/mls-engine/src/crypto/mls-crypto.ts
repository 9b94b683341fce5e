import type { CiphersuiteImpl, CiphersuiteName } from "ts-mls";

/**
 * What the message path needs of a cipher suite. Everything is synchronous.
 *
 * Signature keys may be kept imported, by the identity of their array: pass the same array each time, and don't write into it.
 * Nothing else that is passed in is kept.
 */
export interface MessageCrypto {
  /** Bytes of a hash, and of every ratchet secret. */
  readonly hashLength: number;
  /** Bytes of an AEAD key. */
  readonly keyLength: number;
  /** Bytes of an AEAD nonce. */
  readonly nonceLength: number;
  /** KDF.Expand (RFC 9420 §5.2). */
  expand(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** AEAD encryption; the tag is at the end. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** AEAD decryption; `undefined` when the tag doesn't match. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
  /** Signs. The private key is the seed or the scalar, as `handshake.signature.keygen` gives it. */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for whatever is no signature of this key, malformed keys included; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Random bytes. */
  random(length: number): Uint8Array;
}

/** A cipher suite's cryptography: the synchronous part for messages, and ts-mls's own interface for the rest. */
export interface MlsCrypto {
  readonly suite: CiphersuiteName;
  readonly messages: MessageCrypto;
  readonly handshake: CiphersuiteImpl;
}
