import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a call to a node's REST API failed. If the node's response has a code, that code is used instead.
 *
 * | code | status | meaning | retryable |
 * | --- | --- | --- | --- |
 * | `bad_request` | 400, and any other 4xx | the node can't read the request | no (408: yes) |
 * | `unauthorized` | 401 | the API key is missing or unknown | no |
 * | `forbidden` | 403 | the API key may not act for this DID | no |
 * | `not_found` | 404 | the credential or the call does not exist | no |
 * | `conflict` | 409 | the request contradicts the node's data | no |
 * | `too_large` | 413 | the request exceeds the node's limit | no |
 * | `unprocessable` | 422 | the node rejected the content of the request | no |
 * | `rate_limited` | 429 | too many requests | yes |
 * | `server_error` | 5xx | the node or a proxy in front of it failed | 502, 503, 504 |
 * | `response_invalid` | any, or none | the response is malformed or too large | no |
 * | `nonce_mismatch` | 200 | the presentation has another nonce, or none | no |
 * | `timeout` | none | no complete response in time | yes |
 * | `network` | none | the node can't be reached, or the connection broke | yes |
 * | `too_many_credentials` | none | a listing exceeds the limits of this client | no |
 * | `closed` | none | the client was closed | no |
 */
export type RestErrorCode =
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "unprocessable"
  | "rate_limited"
  | "server_error"
  | "response_invalid"
  | "nonce_mismatch"
  | "timeout"
  | "network"
  | "too_many_credentials"
  | "closed";

/** Options of {@link RestError}, in addition to code and message. */
export interface RestErrorOptions extends ParleyErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * A call to a node's REST API that failed.
 *
 * `retryable`: the same call may succeed later. After `timeout` or `network` it is unknown whether the node processed the request.
 * Messages never contain the API key, even if a node echoes it.
 */
export class RestError extends ParleyError<RestErrorCode | (string & Record<never, never>)> {
  override readonly name: string = "RestError";
  /** HTTP status of the response; `undefined` without a response. */
  readonly status: number | undefined;
  /** How long the node asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: RestErrorCode | (string & Record<never, never>), message: string, options: RestErrorOptions = {}) {
    super(code, message, options);
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}
