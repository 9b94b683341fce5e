import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a credential or a presentation was rejected.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `malformed` | the text is neither a JWS nor JSON, or a part of it cannot be parsed | no |
 * | `too_large` | a limit on length, nesting or count is exceeded | no |
 * | `format_unsupported` | the document is secured in a way that is not supported; for SD-JWT, use `verifySdJwt` | no |
 * | `typ_invalid` | `typ` of the JWS is that of something else | no |
 * | `cty_invalid` | `cty` of the JWS is that of something else | no |
 * | `crit_unsupported` | the JWS requires an extension | no |
 * | `alg_not_allowed` | the algorithm or cryptosuite is not supported, or does not fit the key | no |
 * | `kid_invalid` | the key id is missing or not in the form that the format requires | no |
 * | `key_not_found` | the DID document has no such key | no |
 * | `key_purpose` | the DID document has the key, but does not list it for this purpose | no |
 * | `key_unsupported` | the type of the key is not supported | no |
 * | `resolution_failed` | the DID cannot be resolved | as its cause |
 * | `issuer_mismatch` | the signer is not the issuer, or the claims name another issuer | no |
 * | `holder_mismatch` | the signer is not the holder, or the claims name another holder | no |
 * | `proof_missing` | JSON without a proof | no |
 * | `proof_invalid` | the proof violates Data Integrity or its cryptosuite, or there are several proofs | no |
 * | `signature_invalid` | the signature does not match the document and the key | no |
 * | `claims_invalid` | a JWT claim has the wrong type, or contradicts the document | no |
 * | `credential_invalid` | the credential violates the data model; the message names the path | no |
 * | `presentation_invalid` | the presentation violates the data model; the message names the path | no |
 * | `disclosure_invalid` | a disclosure of an SD-JWT was altered, is of another credential, or is used in the wrong place | no |
 * | `key_binding_missing` | the presentation of an SD-JWT lacks the signature of its holder, or the credential names no key | no |
 * | `key_binding_invalid` | the holder signed another credential, other disclosures, or with another key | no |
 * | `grant_invalid` | the credential is not a grant, or its claims cannot be read; the message names the path | no |
 * | `not_yet_valid` | `validFrom` is in the future | no |
 * | `expired` | `validUntil` has passed | no |
 * | `signature_not_yet_valid` | `nbf` of the signature is in the future | no |
 * | `signature_expired` | `exp` of the signature, or `expires` of the proof, has passed | no |
 * | `revoked` | the issuer revoked the credential | no |
 * | `suspended` | the issuer suspended the credential | no |
 * | `status_unavailable` | the status list cannot be fetched or verified now, or the option `status` is missing | if a fetch failed |
 * | `status_invalid` | the status list, or the entry that refers to it, is invalid | no |
 * | `status_unsupported` | the type or purpose of the status is not supported | no |
 * | `audience_missing` | the presentation is not bound to an audience | no |
 * | `audience_mismatch` | the document is bound to another audience | no |
 * | `nonce_missing` | the presentation has no nonce | no |
 * | `nonce_mismatch` | the presentation answers another challenge | no |
 */
export type VcErrorCode =
  | "malformed"
  | "too_large"
  | "format_unsupported"
  | "typ_invalid"
  | "cty_invalid"
  | "crit_unsupported"
  | "alg_not_allowed"
  | "kid_invalid"
  | "key_not_found"
  | "key_purpose"
  | "key_unsupported"
  | "resolution_failed"
  | "issuer_mismatch"
  | "holder_mismatch"
  | "proof_missing"
  | "proof_invalid"
  | "signature_invalid"
  | "claims_invalid"
  | "credential_invalid"
  | "presentation_invalid"
  | "disclosure_invalid"
  | "key_binding_missing"
  | "key_binding_invalid"
  | "grant_invalid"
  | "not_yet_valid"
  | "expired"
  | "signature_not_yet_valid"
  | "signature_expired"
  | "revoked"
  | "suspended"
  | "status_unavailable"
  | "status_invalid"
  | "status_unsupported"
  | "audience_missing"
  | "audience_mismatch"
  | "nonce_missing"
  | "nonce_mismatch";

/** Options of a {@link VcError}. */
export interface VcErrorOptions extends ParleyErrorOptions {
  /** Index of the credential within the presentation. */
  readonly credentialIndex?: number;
}

/** A credential or a presentation that was rejected. */
export class VcError extends ParleyError<VcErrorCode> {
  override readonly name: string = "VcError";
  /** Index of the rejected credential within the presentation; `undefined` if the presentation itself, or a single credential, was rejected. */
  readonly credentialIndex: number | undefined;

  constructor(code: VcErrorCode, message: string, options: VcErrorOptions = {}) {
    super(code, message, options);
    this.credentialIndex = options.credentialIndex;
  }
}
