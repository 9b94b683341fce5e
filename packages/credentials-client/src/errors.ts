import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a call to a node's REST API failed. A node that gives a code of its own has precedence; these are for the rest.
 *
 * | code | status | meaning | retryable |
 * | --- | --- | --- | --- |
 * | `bad_request` | 400, and any other 4xx | the node can't read the request | no (408: yes) |
 * | `unauthorized` | 401 | the API key is missing or unknown | no |
 * | `forbidden` | 403 | the API key may not act for this DID | no |
 * | `not_found` | 404 | there is no such credential, or no such call | no |
 * | `conflict` | 409 | it contradicts what the node holds | no |
 * | `too_large` | 413 | the request exceeds what the node reads | no |
 * | `unprocessable` | 422 | the node read it and refused it | no |
 * | `rate_limited` | 429 | too many requests | yes |
 * | `server_error` | 5xx | the node or a proxy before it failed | 502, 503, 504 |
 * | `response_invalid` | any, or none | the answer is not what it should be, or too large | no |
 * | `nonce_mismatch` | 200 | the presentation does not have the nonce, which the node did not check | no |
 * | `timeout` | none | no complete answer in time | yes |
 * | `network` | none | the node can't be reached, or the connection broke | yes |
 * | `too_many_credentials` | none | a listing exceeds the caps of this client | no |
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

/** What a {@link RestError} says besides its code and message. */
export interface RestErrorOptions extends ParleyErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * A call to a node's REST API that failed.
 *
 * `retryable` says that the same call may succeed later. After `timeout` or `network` it is unknown whether the node did what it was asked.
 * The API key is in no message, even where a node echoes it.
 */
export class RestError extends ParleyError<RestErrorCode | (string & Record<never, never>)> {
  override readonly name: string = "RestError";
  /** HTTP status of the answer; `undefined` if there was none. */
  readonly status: number | undefined;
  /** How long the node asked to wait before the next try, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: RestErrorCode | (string & Record<never, never>), message: string, options: RestErrorOptions = {}) {
    super(code, message, options);
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}
