import type { AeadName, DhName, HashName, SignatureName } from "./suites.ts";

/** A hash function and its HMAC. */
export interface Digest {
  readonly length: number;
  digest(data: Uint8Array): Uint8Array;
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
}

/** An AEAD. The tag of 16 bytes is at the end of the ciphertext. */
export interface Aead {
  readonly keyLength: number;
  readonly nonceLength: number;
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** `undefined` if the tag doesn't match. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

/** A signature scheme with keys and signatures as RFC 9420 §5.1.2 encodes them; the private key is the seed or the scalar. */
export interface SignatureScheme {
  /** @throws MlsEngineError `malformed` if the bytes are not a private key */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** `false` for malformed keys and signatures too. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The same in another thread. Missing if the implementation has none. */
  verifyInBackground?(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  generate(): { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array };
}

/** An imported private key of a Diffie-Hellman group. */
export interface DhPrivateKey {
  readonly raw: Uint8Array;
  readonly publicKey: Uint8Array;
  /** The shared secret; `undefined` if the other key is malformed or of small order. */
  agree(publicKey: Uint8Array): Uint8Array | undefined;
}

/** A Diffie-Hellman group, as DHKEM needs it (RFC 9180 §4.1). */
export interface DhGroup {
  readonly privateLength: number;
  readonly publicLength: number;
  /** `undefined` if the bytes are not a private key. */
  importPrivate(raw: Uint8Array): DhPrivateKey | undefined;
}

/** The algorithms of one implementation. {@link assembleCipherSuite} builds a cipher suite from them. */
export interface Primitives {
  digest(name: HashName): Digest;
  aead(name: AeadName): Aead;
  signature(name: SignatureName): SignatureScheme;
  dh(name: DhName): DhGroup;
  random(length: number): Uint8Array;
}
