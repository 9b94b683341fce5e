import type { CipherSuiteName } from "./suites.ts";

/** A key pair as bytes: of the suite's signature scheme, or of its KEM. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  /** The seed (Ed25519, Ed448), the scalar (NIST curves) or the raw private key (X25519, X448). */
  readonly privateKey: Uint8Array;
}

/** A ciphertext of HPKE with the KEM's output ([RFC 9420 §7.6](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.6)). */
export interface HpkeCiphertext {
  readonly kemOutput: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** A plaintext to encrypt to a public key of the KEM. */
export interface HpkePlaintext {
  readonly publicKey: Uint8Array;
  readonly plaintext: Uint8Array;
}

/**
 * The cryptography of one cipher suite ([RFC 9420 §5.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.1)). Calls are
 * synchronous, except for the two optional ones. {@link createCipherSuite} makes one; an engine is given it as an option.
 *
 * Implementations may cache imported signature keys and public keys by the identity of the array: pass the same array for the same key, and
 * don't write to it. They keep no other argument.
 */
export interface CipherSuite {
  readonly name: CipherSuiteName;
  /** The number on the wire (RFC 9420 §17.1). */
  readonly id: number;
  /** Bytes of a hash and of every secret (`KDF.Nh`). */
  readonly hashLength: number;
  /** Bytes of an AEAD key (`AEAD.Nk`). */
  readonly keyLength: number;
  /** Bytes of an AEAD nonce (`AEAD.Nn`). */
  readonly nonceLength: number;
  hash(data: Uint8Array): Uint8Array;
  /** HMAC with the suite's hash. */
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** `KDF.Extract`. */
  extract(salt: Uint8Array, input: Uint8Array): Uint8Array;
  /** `KDF.Expand`. */
  expand(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** AEAD encryption. The tag is at the end of the result. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** AEAD decryption; `undefined` if the tag doesn't match. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
  /** @throws MlsEngineError `malformed` if the bytes are not a private key */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** Whether the signature is valid. `false` for malformed keys and signatures too; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** {@link CipherSuite.verify} in another thread. Called for the leaves of large trees, several at a time. Never rejects. */
  verifyInBackground?(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  generateSignatureKeyPair(): KeyPair;
  /** A new key pair of the KEM. */
  generateKeyPair(): KeyPair;
  /** `KEM.DeriveKeyPair` (RFC 9180 §4). */
  deriveKeyPair(inputKeyMaterial: Uint8Array): KeyPair;
  /**
   * Encrypts to a public key of the KEM: HPKE in base mode, single-shot (RFC 9180 §6.1).
   *
   * @throws MlsEngineError `malformed` if the bytes are not a public key
   */
  hpkeSeal(publicKey: Uint8Array, info: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): HpkeCiphertext;
  /**
   * {@link CipherSuite.hpkeSeal} for many recipients, without additional data, shared with other threads. Called for the path secrets of
   * large trees.
   *
   * @throws MlsEngineError `malformed` if some bytes are not a public key
   */
  hpkeSealAll?(messages: readonly HpkePlaintext[], info: Uint8Array): Promise<HpkeCiphertext[]>;
  /** Decrypts with a private key of the KEM; `undefined` if the ciphertext isn't for this key and `info`, or the key is malformed. */
  hpkeOpen(privateKey: Uint8Array, info: Uint8Array, aad: Uint8Array, ciphertext: HpkeCiphertext): Uint8Array | undefined;
  random(length: number): Uint8Array;
}
