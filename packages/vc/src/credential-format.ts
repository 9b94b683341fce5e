/**
 * Formats of signed credentials and presentations. All are strings.
 *
 * - `compact_jwt`: W3C VCDM 2.0 as a JWS, `typ: vc+jwt` or `vp+jwt` (VC-JOSE-COSE). The default.
 * - `jwt`: VCDM 1.1 style JWT with a `vc` or `vp` claim.
 * - `enveloped`: JSON of an EnvelopedVerifiableCredential or EnvelopedVerifiablePresentation around a `compact_jwt`.
 * - `json`: JSON with an embedded Data Integrity proof, `eddsa-jcs-2022` or `ecdsa-jcs-2019`.
 */
export type CredentialFormat = "compact_jwt" | "jwt" | "json" | "enveloped";
