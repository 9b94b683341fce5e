import type { VerifyingCurve } from "../keys/curve.ts";

/** Signature algorithms (RFC 7518, RFC 8037, RFC 8812). */
export type SignatureAlgorithm = "EdDSA" | "ES256" | "ES384" | "ES256K";

/** The parameters of a signature algorithm. */
export interface SignatureScheme {
  readonly alg: SignatureAlgorithm;
  /** Hash function for node:crypto; `null` for EdDSA. */
  readonly hash: "sha256" | "sha384" | null;
  /** Bytes of a signature. */
  readonly length: number;
}

/** The one algorithm of each curve. */
export const SCHEMES: Readonly<Record<VerifyingCurve, SignatureScheme>> = {
  Ed25519: { alg: "EdDSA", hash: null, length: 64 },
  "P-256": { alg: "ES256", hash: "sha256", length: 64 },
  "P-384": { alg: "ES384", hash: "sha384", length: 96 },
  secp256k1: { alg: "ES256K", hash: "sha256", length: 64 },
};

const ALGORITHMS: ReadonlySet<unknown> = new Set(Object.values(SCHEMES).map(({ alg }) => alg));

export function isSignatureAlgorithm(alg: unknown): alg is SignatureAlgorithm {
  return ALGORITHMS.has(alg);
}
