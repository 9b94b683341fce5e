import { isJsonObject } from "@parley/core";
import { RestError, type RestErrorCode } from "./rest-error.ts";
import { parseRetryAfter } from "./retry-delay.ts";

/** A node's response with a status outside of 2xx. */
export interface ErrorResponse {
  readonly status: number;
  /** The body as parsed JSON; `undefined` if it is not JSON. */
  readonly body: unknown;
  /** Value of the `Retry-After` header. */
  readonly retryAfter?: string | undefined;
}

const CODES: ReadonlyMap<number, RestErrorCode> = new Map([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not_found"],
  [409, "conflict"],
  [413, "too_large"],
  [422, "unprocessable"],
  [429, "rate_limited"],
]);

const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
const MAX_MESSAGE = 500;
/** The form of a node's error code: an identifier without characters that could corrupt a log. */
const NODE_CODE = /^[\w.:-]{1,64}$/;

/** Creates the error for an error response, with the node's own code and message if it has them, and without the secret. */
export function responseError({ status, body, retryAfter }: ErrorResponse, secret: string): RestError {
  if (status < 400) {
    const what = status >= 300 ? "The node redirects; redirects are not followed" : "The node responded with an unknown status";
    return new RestError("response_invalid", what, { status });
  }
  const { error, code } = isJsonObject(body) ? body : {};
  const given = typeof code === "string" && NODE_CODE.test(code) && !code.includes(secret) ? code : undefined;
  const message = typeof error === "string" && error !== "" ? printable(error.replaceAll(secret, "…")) : undefined;
  return new RestError(given ?? codeOf(status), message ?? `The node responded with status ${status}`, {
    status,
    retryable: RETRYABLE.has(status),
    retryAfterMs: parseRetryAfter(retryAfter),
  });
}

/** An unknown status is treated as the first of its class (https://www.rfc-editor.org/rfc/rfc9110#section-15). */
function codeOf(status: number): RestErrorCode {
  return CODES.get(status) ?? (status < 500 ? "bad_request" : "server_error");
}

function printable(text: string): string {
  const line = text.slice(0, 2 * MAX_MESSAGE).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
