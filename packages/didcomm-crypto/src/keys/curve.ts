import type { KeyObject } from "node:crypto";

/** Curves for key agreement. */
export type AgreementCurve = "X25519" | "P-256" | "P-384" | "P-521";

/** Curves for signing. */
export type SigningCurve = "Ed25519" | "P-256" | "P-384";

/** Curves for verification. secp256k1 is not used for signing, since some implementations accept only low-S signatures. */
export type VerifyingCurve = SigningCurve | "secp256k1";

export type Curve = AgreementCurve | VerifyingCurve;

const AGREEMENT_CURVES: ReadonlySet<string> = new Set<AgreementCurve>(["X25519", "P-256", "P-384", "P-521"]);
const SIGNING_CURVES: ReadonlySet<string> = new Set<SigningCurve>(["Ed25519", "P-256", "P-384"]);

export function isAgreementCurve(curve: string): curve is AgreementCurve {
  return AGREEMENT_CURVES.has(curve);
}

export function isSigningCurve(curve: string): curve is SigningCurve {
  return SIGNING_CURVES.has(curve);
}

export function isVerifyingCurve(curve: string): curve is VerifyingCurve {
  return isSigningCurve(curve) || curve === "secp256k1";
}

const CURVES_OF_OPENSSL: ReadonlyMap<string | undefined, Curve> = new Map([
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
  ["secp256k1", "secp256k1"],
]);

/** The curve of a key. `undefined` if it is not supported. */
export function curveOf(key: KeyObject): Curve | undefined {
  switch (key.asymmetricKeyType) {
    case "x25519":
      return "X25519";
    case "ed25519":
      return "Ed25519";
    case "ec":
      return CURVES_OF_OPENSSL.get(key.asymmetricKeyDetails?.namedCurve);
    default:
      return undefined;
  }
}
