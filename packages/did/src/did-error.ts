import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a DID could not be resolved, or its document could not be used.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `did_invalid` | the text is not a DID, or violates the rules of its method | no |
 * | `method_not_supported` | the resolver does not support the method | no |
 * | `not_found` | the DID does not exist, or is deactivated | no |
 * | `document_invalid` | the response is not a valid document of this DID | no |
 * | `key_unsupported` | the verification method has no public key of a supported type | no |
 * | `too_large` | the document exceeds a limit, in bytes or entries | no |
 * | `timeout` | the document was not received in time | yes |
 * | `refused_address` | the address of the host is not allowed | no |
 * | `fetch_failed` | the host cannot be reached, or did not respond with a document | yes |
 */
export type DidErrorCode =
  | "did_invalid"
  | "method_not_supported"
  | "not_found"
  | "document_invalid"
  | "key_unsupported"
  | "too_large"
  | "timeout"
  | "refused_address"
  | "fetch_failed";

const RETRYABLE: ReadonlySet<DidErrorCode> = new Set(["timeout", "fetch_failed"]);

/** A DID that could not be resolved, or a document that could not be used. `retryable` depends on the code. */
export class DidError extends ParleyError<DidErrorCode> {
  override readonly name: string = "DidError";

  constructor(code: DidErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: RETRYABLE.has(code) });
  }
}

/** The error for a resolution that timed out. */
export function timeoutError(timeoutMs: number): DidError {
  return new DidError("timeout", `The DID was not resolved within ${timeoutMs} ms`);
}
