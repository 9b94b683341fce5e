import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a message could not be packed or unpacked.
 *
 * | code | meaning |
 * | --- | --- |
 * | `envelope_invalid` | the text is no DIDComm envelope: no JSON, a member missing, twice or of the wrong kind, bad base64url |
 * | `too_large` | a cap on length, depth or recipients is exceeded |
 * | `nesting_invalid` | layers in an order that DIDComm doesn't have, or no layer at all |
 * | `typ_invalid` | the envelope says that it is something else |
 * | `header_unsupported` | `crit`, `zip`, `b64`, or a header parameter outside the protected header |
 * | `alg_not_allowed` | algorithms that DIDComm doesn't combine, or not those of the key |
 * | `kid_invalid` | a key's id is missing, twice, no absolute DID URL, or of another DID than the other recipients' |
 * | `epk_invalid` | the ephemeral key is no public key, or not on the recipient's curve |
 * | `apu_invalid`, `apv_invalid` | the agreement is not bound to the sender's key, or not to the recipients' |
 * | `recipient_unknown` | no private key for any of the recipients' ids |
 * | `key_not_found` | the sender's, signer's or recipient's key is not known |
 * | `key_purpose` | the DID's document has the key, but not for this purpose |
 * | `key_unsupported` | the key is of a kind or curve that this can't be done with |
 * | `resolution_failed` | a DID could not be resolved; retryable as its cause is |
 * | `decryption_failed` | decryption failed, for whatever reason |
 * | `signature_invalid` | the key did not sign this |
 * | `plaintext_invalid` | what is inside is no DIDComm plaintext |
 * | `from_mismatch` | `from` is missing, or another DID than that of the sender's or signer's key |
 * | `to_mismatch` | the recipient is not among `to`, or `to` is missing where it must be there |
 */
export type DidcommCryptoErrorCode =
  | "envelope_invalid"
  | "too_large"
  | "nesting_invalid"
  | "typ_invalid"
  | "header_unsupported"
  | "alg_not_allowed"
  | "kid_invalid"
  | "epk_invalid"
  | "apu_invalid"
  | "apv_invalid"
  | "recipient_unknown"
  | "key_not_found"
  | "key_purpose"
  | "key_unsupported"
  | "resolution_failed"
  | "decryption_failed"
  | "signature_invalid"
  | "plaintext_invalid"
  | "from_mismatch"
  | "to_mismatch";

/** A message that could not be packed or unpacked. Messages name no key material and no plaintext. */
export class DidcommCryptoError extends ParleyError<DidcommCryptoErrorCode> {
  override readonly name: string = "DidcommCryptoError";

  constructor(code: DidcommCryptoErrorCode, message: string, options: ParleyErrorOptions = {}) {
    super(code, message, options);
  }
}
