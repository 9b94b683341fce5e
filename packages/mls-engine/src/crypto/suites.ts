import type { CiphersuiteName } from "ts-mls";
import { MlsError } from "../errors.ts";

export type HashName = "SHA-256" | "SHA-384" | "SHA-512";
export type AeadName = "AES-128-GCM" | "AES-256-GCM" | "ChaCha20-Poly1305";
export type SignatureName = "Ed25519" | "Ed448" | "P-256" | "P-384" | "P-521" | "ML-DSA-87";
export type DhName = "X25519" | "X448" | "P-256" | "P-384" | "P-521";
export type PostQuantumKemName = "ML-KEM-512" | "ML-KEM-768" | "ML-KEM-1024" | "X-Wing";

/** What a cipher suite is made of. */
export interface Suite {
  readonly id: number;
  readonly name: CiphersuiteName;
  /** For transcripts, tags and references. */
  readonly hash: HashName;
  /** For the key schedule, the secret tree and HPKE. Another than `hash` in the post-quantum suites. */
  readonly kdf: HashName;
  readonly aead: AeadName;
  readonly kem: DhName | PostQuantumKemName;
  readonly signature: SignatureName;
}

type Parts = readonly [id: number, kem: Suite["kem"], aead: AeadName, hash: HashName, kdf: HashName, signature: SignatureName];

// The private ids and the parts of the post-quantum suites are those of ts-mls 1.6.4, a key length that differs from the name included.
const PARTS: Record<CiphersuiteName, Parts> = {
  MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: [1, "X25519", "AES-128-GCM", "SHA-256", "SHA-256", "Ed25519"],
  MLS_128_DHKEMP256_AES128GCM_SHA256_P256: [2, "P-256", "AES-128-GCM", "SHA-256", "SHA-256", "P-256"],
  MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519: [3, "X25519", "ChaCha20-Poly1305", "SHA-256", "SHA-256", "Ed25519"],
  MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448: [4, "X448", "AES-256-GCM", "SHA-512", "SHA-512", "Ed448"],
  MLS_256_DHKEMP521_AES256GCM_SHA512_P521: [5, "P-521", "AES-256-GCM", "SHA-512", "SHA-512", "P-521"],
  MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448: [6, "X448", "ChaCha20-Poly1305", "SHA-512", "SHA-512", "Ed448"],
  MLS_256_DHKEMP384_AES256GCM_SHA384_P384: [7, "P-384", "AES-256-GCM", "SHA-384", "SHA-384", "P-384"],
  MLS_128_MLKEM512_AES128GCM_SHA256_Ed25519: [77, "ML-KEM-512", "AES-256-GCM", "SHA-256", "SHA-512", "Ed25519"],
  MLS_128_MLKEM512_CHACHA20POLY1305_SHA256_Ed25519: [78, "ML-KEM-512", "ChaCha20-Poly1305", "SHA-256", "SHA-512", "Ed25519"],
  MLS_256_MLKEM768_AES256GCM_SHA384_Ed25519: [79, "ML-KEM-768", "AES-256-GCM", "SHA-384", "SHA-512", "Ed25519"],
  MLS_256_MLKEM768_CHACHA20POLY1305_SHA384_Ed25519: [80, "ML-KEM-768", "ChaCha20-Poly1305", "SHA-384", "SHA-512", "Ed25519"],
  MLS_256_MLKEM1024_AES256GCM_SHA512_Ed25519: [81, "ML-KEM-1024", "AES-256-GCM", "SHA-512", "SHA-512", "Ed25519"],
  MLS_256_MLKEM1024_CHACHA20POLY1305_SHA512_Ed25519: [82, "ML-KEM-1024", "ChaCha20-Poly1305", "SHA-512", "SHA-512", "Ed25519"],
  MLS_256_XWING_AES256GCM_SHA512_Ed25519: [83, "X-Wing", "AES-256-GCM", "SHA-512", "SHA-512", "Ed25519"],
  MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519: [84, "X-Wing", "ChaCha20-Poly1305", "SHA-512", "SHA-512", "Ed25519"],
  MLS_256_MLKEM1024_AES256GCM_SHA512_MLDSA87: [85, "ML-KEM-1024", "AES-256-GCM", "SHA-512", "SHA-512", "ML-DSA-87"],
  MLS_256_MLKEM1024_CHACHA20POLY1305_SHA512_MLDSA87: [86, "ML-KEM-1024", "ChaCha20-Poly1305", "SHA-512", "SHA-512", "ML-DSA-87"],
  MLS_256_XWING_AES256GCM_SHA512_MLDSA87: [87, "X-Wing", "AES-256-GCM", "SHA-512", "SHA-512", "ML-DSA-87"],
  MLS_256_XWING_CHACHA20POLY1305_SHA512_MLDSA87: [88, "X-Wing", "ChaCha20-Poly1305", "SHA-512", "SHA-512", "ML-DSA-87"],
};

const SUITES: ReadonlyMap<string, Suite> = new Map(
  Object.entries(PARTS).map(([name, [id, kem, aead, hash, kdf, signature]]) => [
    name,
    { id, name: name as CiphersuiteName, kem, aead, hash, kdf, signature },
  ]),
);
const NAMES: ReadonlyMap<number, CiphersuiteName> = new Map([...SUITES.values()].map((suite) => [suite.id, suite.name]));

/** Every cipher suite that an engine can be asked for. */
export const cipherSuites: readonly CiphersuiteName[] = [...NAMES.values()];

/** The number of a suite on the wire ([RFC 9420 §17.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-17.1)). */
export function suiteId(name: CiphersuiteName): number {
  return suiteOf(name).id;
}

/** The suite that has this number on the wire; `undefined` for one that isn't known here. */
export function suiteName(id: number): CiphersuiteName | undefined {
  return NAMES.get(id);
}

/** @throws MlsError `crypto_unavailable` */
export function suiteOf(name: CiphersuiteName): Suite {
  const suite = SUITES.get(name);
  if (suite === undefined) throw new MlsError("crypto_unavailable", `There is no cipher suite named ${JSON.stringify(name)}`);
  return suite;
}

/** Whether a suite's KEM is a Diffie-Hellman one, which both providers do themselves. */
export function isClassical(suite: Suite): suite is Suite & { readonly kem: DhName } {
  return suite.id <= 7;
}
