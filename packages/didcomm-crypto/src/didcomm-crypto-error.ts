import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a message could not be packed or unpacked.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `envelope_invalid` | not a DIDComm envelope: not JSON, a missing, duplicate or malformed member, or invalid base64url | no |
 * | `too_large` | a limit on length, depth or recipients is exceeded | no |
 * | `nesting_invalid` | an order of layers that DIDComm does not allow, or no envelope at all | no |
 * | `typ_invalid` | `typ` of the envelope is that of something else | no |
 * | `header_unsupported` | `crit`, `zip`, `b64`, an unprotected header parameter, or a `skid` without authcrypt | no |
 * | `alg_not_allowed` | a combination of algorithms that DIDComm does not define, or that does not fit the key | no |
 * | `kid_invalid` | a key id is missing, duplicate, not an absolute DID URL, or of another DID than the other recipients | no |
 * | `epk_invalid` | the ephemeral key is not a public key, or not on the curve of the recipient key | no |
 * | `apu_invalid` | the key agreement is not bound to the sender's key | no |
 * | `apv_invalid` | the key agreement is not bound to the recipient keys | no |
 * | `recipient_unknown` | the message is not encrypted for any of our keys | no |
 * | `key_not_found` | the key of the sender, signer or recipient is unknown, or they have no curve in common | no |
 * | `key_purpose` | the DID document has the key, but does not list it for this purpose | no |
 * | `key_unsupported` | the type or curve of the key is not supported for this operation | no |
 * | `resolution_failed` | a DID cannot be resolved | as its cause |
 * | `decryption_failed` | decryption failed, for any reason | no |
 * | `signature_invalid` | the signature does not match the message and the key | no |
 * | `plaintext_invalid` | the content of the envelope is not a DIDComm plaintext | no |
 * | `from_mismatch` | `from` is missing, or is not the DID of the sender's or signer's key | no |
 * | `to_mismatch` | the recipient is not in `to`, a required `to` is missing, or the layers have different recipients | no |
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

/** A message that could not be packed or unpacked. Error messages contain neither key material nor plaintext. */
export class DidcommCryptoError extends ParleyError<DidcommCryptoErrorCode> {
  override readonly name: string = "DidcommCryptoError";

  constructor(code: DidcommCryptoErrorCode, message: string, options: ParleyErrorOptions = {}) {
    super(code, message, options);
  }
}
