import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Codes of an {@link EnvelopeError}. None is retryable.
 *
 * | code | meaning |
 * | --- | --- |
 * | `truncated` | the data ends within the header |
 * | `header_invalid` | the header is not valid JSON, or a member is missing or malformed |
 * | `header_too_large` | the header exceeds `maxHeaderBytes` |
 * | `payload_too_large` | the payload exceeds `maxPayloadBytes` |
 */
export type EnvelopeErrorCode = "truncated" | "header_invalid" | "header_too_large" | "payload_too_large";

/** Data is not a valid envelope, or an envelope exceeds the limits for writing. */
export class EnvelopeError extends ParleyError<EnvelopeErrorCode> {
  override readonly name: string = "EnvelopeError";

  constructor(code: EnvelopeErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, options);
  }
}
