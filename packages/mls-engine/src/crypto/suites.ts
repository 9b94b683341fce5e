import { MlsEngineError } from "../errors.ts";
import { registeredSuite } from "../ts-mls/suite-registry.ts";

export type HashName = "SHA-256" | "SHA-384" | "SHA-512";
export type AeadName = "AES-128-GCM" | "AES-256-GCM" | "ChaCha20-Poly1305";
export type SignatureName = "Ed25519" | "Ed448" | "P-256" | "P-384" | "P-521";
export type DhName = "X25519" | "X448" | "P-256" | "P-384" | "P-521";

/** A cipher suite of [RFC 9420 §17.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-17.1). */
export type CipherSuiteName =
  | "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
  | "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"
  | "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519"
  | "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448"
  | "MLS_256_DHKEMP521_AES256GCM_SHA512_P521"
  | "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448"
  | "MLS_256_DHKEMP384_AES256GCM_SHA384_P384";

/** Every cipher suite that {@link createCipherSuite} supports, in the order of their numbers on the wire, 1 to 7. */
export const cipherSuites: readonly CipherSuiteName[] = [
  "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
  "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
  "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
  "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
  "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
  "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
  "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
];

/** The suite that every implementation of MLS supports (RFC 9420 §17.1). */
export const DEFAULT_SUITE: CipherSuiteName = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";

/** The algorithms of a cipher suite. One hash function serves as Hash, as KDF and in the KEM, as in every suite of RFC 9420. */
export interface SuiteAlgorithms {
  readonly id: number;
  readonly name: CipherSuiteName;
  readonly hash: HashName;
  readonly aead: AeadName;
  /** The Diffie-Hellman group of the KEM (RFC 9180 §7.1). */
  readonly dh: DhName;
  readonly signature: SignatureName;
}

const AEADS: ReadonlyMap<string, AeadName> = new Map([
  ["AES128GCM", "AES-128-GCM"],
  ["AES256GCM", "AES-256-GCM"],
  ["CHACHA20POLY1305", "ChaCha20-Poly1305"],
]);
const GROUPS: ReadonlyMap<string, DhName> = new Map([
  ["DHKEM-X25519-HKDF-SHA256", "X25519"],
  ["DHKEM-X448-HKDF-SHA512", "X448"],
  ["DHKEM-P256-HKDF-SHA256", "P-256"],
  ["DHKEM-P384-HKDF-SHA384", "P-384"],
  ["DHKEM-P521-HKDF-SHA512", "P-521"],
]);
const SIGNATURES: ReadonlyMap<string, SignatureName> = new Map([
  ["Ed25519", "Ed25519"],
  ["Ed448", "Ed448"],
  ["P256", "P-256"],
  ["P384", "P-384"],
  ["P521", "P-521"],
]);

/**
 * The algorithms of a cipher suite.
 *
 * @throws MlsEngineError `crypto_unavailable` for any other name
 */
export function algorithmsOf(name: CipherSuiteName): SuiteAlgorithms {
  const registered = registeredSuite(name);
  const aead = AEADS.get(registered?.aead ?? "");
  const dh = GROUPS.get(registered?.kem ?? "");
  const signature = SIGNATURES.get(registered?.signature ?? "");
  if (!registered || !aead || !dh || !signature) {
    throw new MlsEngineError(
      "crypto_unavailable",
      `Unknown cipher suite ${JSON.stringify(name)}. Valid cipher suites: ${cipherSuites.join(", ")}`,
    );
  }
  return { id: registered.id, name, hash: registered.hash, aead, dh, signature };
}

/** The suite with this number on the wire; `undefined` if it isn't supported. */
export function suiteName(id: number): CipherSuiteName | undefined {
  return cipherSuites.find((name) => algorithmsOf(name).id === id);
}
