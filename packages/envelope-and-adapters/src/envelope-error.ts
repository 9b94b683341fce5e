import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why bytes are no envelope, or an envelope can't be written. None is retryable.
 *
 * | code | meaning |
 * | --- | --- |
 * | `truncated` | the bytes end before the header does |
 * | `header_invalid` | the header is not the JSON object that an envelope needs |
 * | `header_too_large` | the header exceeds `maxHeaderBytes` |
 * | `payload_too_large` | the payload exceeds `maxPayloadBytes` |
 */
export type EnvelopeErrorCode = "truncated" | "header_invalid" | "header_too_large" | "payload_too_large";

/** Bytes that are no envelope, or an envelope that can't be written. */
export class EnvelopeError extends ParleyError<EnvelopeErrorCode> {
  override readonly name: string = "EnvelopeError";

  constructor(code: EnvelopeErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, options);
  }
}
