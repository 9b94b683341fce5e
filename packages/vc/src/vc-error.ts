import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a credential or a presentation was refused.
 *
 * | code | meaning |
 * | --- | --- |
 * | `malformed` | the text is neither a JWS nor JSON, or a part of it can't be read |
 * | `too_large` | a cap on length, nesting or count is exceeded |
 * | `format_unsupported` | it can be read, but is secured in a way that this library does not know |
 * | `typ_invalid`, `cty_invalid` | the JWS says that it is something else |
 * | `crit_unsupported` | the JWS demands an extension |
 * | `alg_not_allowed` | the algorithm or cryptosuite is none that is allowed, or not that of the key |
 * | `kid_invalid` | the key's id is missing, or not of the kind that the format demands |
 * | `key_not_found` | the DID's document has no such key |
 * | `key_purpose` | the document has the key, but not for this purpose |
 * | `key_unsupported` | the key is of a kind that this library does not verify with |
 * | `resolution_failed` | the DID could not be resolved; retryable as its cause is |
 * | `issuer_mismatch`, `holder_mismatch` | somebody else than the issuer or holder signed, or the claims name two |
 * | `proof_missing` | JSON without a proof |
 * | `proof_invalid` | the proof is not as Data Integrity or its cryptosuite demand |
 * | `signature_invalid` | the key did not sign this |
 * | `claims_invalid` | JWT claims are of the wrong kind, or contradict the credential |
 * | `credential_invalid`, `presentation_invalid` | the document breaks a rule of the data model |
 * | `not_yet_valid`, `expired` | now is outside `validFrom` and `validUntil` |
 * | `signature_not_yet_valid`, `signature_expired` | now is outside what the securing itself allows (`nbf`, `exp`, `expires`) |
 * | `revoked`, `suspended` | the status list says so |
 * | `status_unavailable` | the status could not be fetched, or no way to fetch it was given; retryable in the first case |
 * | `status_invalid` | the status list, or the entry that refers to it, is not to be believed |
 * | `status_unsupported` | a type or purpose of status that this library does not know |
 * | `audience_missing`, `audience_mismatch` | it is made for nobody, or for somebody else |
 * | `nonce_missing`, `nonce_mismatch` | it is not the answer to this challenge |
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
  /** Which credential of a presentation, from 0. */
  readonly credentialIndex?: number;
}

/** Why a credential or a presentation was refused. */
export class VcError extends ParleyError<VcErrorCode> {
  override readonly name: string = "VcError";
  /** Which credential of a presentation was refused, from 0; `undefined` if it was the presentation, or there is none. */
  readonly credentialIndex: number | undefined;

  constructor(code: VcErrorCode, message: string, options: VcErrorOptions = {}) {
    super(code, message, options);
    this.credentialIndex = options.credentialIndex;
  }
}
