import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a DID could not be resolved, or its document not be used.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `did_invalid` | the text is no DID, or breaks the rules of its method | no |
 * | `method_not_supported` | no method of this resolver is responsible | no |
 * | `not_found` | the method says that there is no such DID, or that it is deactivated | no |
 * | `document_invalid` | what was found is no document of this DID | no |
 * | `key_unsupported` | the verification method holds no public key that this library can read | no |
 * | `too_large` | the document exceeds a cap, in bytes or in entries | no |
 * | `timeout` | the document did not arrive in time | yes |
 * | `refused_address` | the host's address is one that must not be asked | no |
 * | `fetch_failed` | the host can't be reached, or did not answer with a document | yes |
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

/** A DID that could not be resolved, or a document that can't be used; `retryable` follows from the code. */
export class DidError extends ParleyError<DidErrorCode> {
  override readonly name: string = "DidError";

  constructor(code: DidErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: RETRYABLE.has(code) });
  }
}

/** The error for a DID that took too long. */
export function notResolved(timeoutMs: number): DidError {
  return new DidError("timeout", `The DID was not resolved within ${timeoutMs} ms`);
}
