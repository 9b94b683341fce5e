import type { AeadName, DhName, HashName, SignatureName } from "./suites.ts";

/** A hash function and the HMAC over it. */
export interface Digest {
  readonly length: number;
  digest(data: Uint8Array): Uint8Array;
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
}

/** An AEAD; the tag of 16 bytes is at the end of the ciphertext. */
export interface Aead {
  readonly keyLength: number;
  readonly nonceLength: number;
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** `undefined` when the tag doesn't match. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

/** A signature scheme with keys and signatures as RFC 9420 §5.1.2 encodes them; the private key is the seed or the scalar. */
export interface SignatureScheme {
  /** Throws MlsError `malformed`. */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for anything that isn't a signature of this key, malformed keys and signatures included. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  generate(): { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array };
}

/** A private key of a Diffie-Hellman group. What has been imported lives as long as this object. */
export interface DhPrivateKey {
  readonly raw: Uint8Array;
  readonly publicKey: Uint8Array;
  /** The shared secret; `undefined` when the other key isn't one, or gives no secret. */
  agree(publicKey: Uint8Array): Uint8Array | undefined;
}

/** A Diffie-Hellman group, as DHKEM needs it (RFC 9180 §4.1). */
export interface DhGroup {
  readonly privateLength: number;
  readonly publicLength: number;
  /** `undefined` when the bytes are no private key. */
  importPrivate(raw: Uint8Array): DhPrivateKey | undefined;
}

/** One runtime's cryptography. Everything is synchronous. */
export interface Primitives {
  digest(name: HashName): Digest;
  aead(name: AeadName): Aead;
  signature(name: SignatureName): SignatureScheme;
  dh(name: DhName): DhGroup;
  random(length: number): Uint8Array;
}
