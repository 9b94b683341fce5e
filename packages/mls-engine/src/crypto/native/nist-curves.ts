export type NistCurve = "P-256" | "P-384" | "P-521";

/** OpenSSL's name of a curve, the length of its scalars and coordinates, and the hash of ECDSA in MLS. */
export const CURVES: Record<NistCurve, { readonly openssl: string; readonly length: number; readonly hash: string }> = {
  "P-256": { openssl: "prime256v1", length: 32, hash: "sha256" },
  "P-384": { openssl: "secp384r1", length: 48, hash: "sha384" },
  "P-521": { openssl: "secp521r1", length: 66, hash: "sha512" },
};
