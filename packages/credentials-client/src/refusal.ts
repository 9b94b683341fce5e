import { isJsonObject } from "@parley/core";
import { RestError, type RestErrorCode } from "./errors.ts";
import { parseRetryAfter } from "./retry.ts";

/** What a node answers with a status that is no success. */
export interface Refusal {
  readonly status: number;
  /** The body as parsed JSON; `undefined` if it is none. */
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
/** What may stand in a node's code: enough for identifiers, nothing that could disturb a log. */
const NODE_CODE = /^[\w.:-]{1,64}$/;

/** The error that a refusal becomes: the node's own code and sentence where it gave them, without the secret. */
export function refusalError({ status, body, retryAfter }: Refusal, secret: string): RestError {
  if (status < 400) {
    const what = status >= 300 ? "The node redirects, which is not followed" : "The node answered with an unknown status";
    return new RestError("response_invalid", what, { status });
  }
  const { error, code } = isJsonObject(body) ? body : {};
  const given = typeof code === "string" && NODE_CODE.test(code) && !code.includes(secret) ? code : undefined;
  const message = typeof error === "string" && error !== "" ? printable(error.replaceAll(secret, "…")) : undefined;
  return new RestError(given ?? codeOf(status), message ?? `The node answered with status ${status}`, {
    status,
    retryable: RETRYABLE.has(status),
    retryAfterMs: parseRetryAfter(retryAfter),
  });
}

/** The class of a status stands for what it doesn't know (https://www.rfc-editor.org/rfc/rfc9110#section-15). */
function codeOf(status: number): RestErrorCode {
  return CODES.get(status) ?? (status < 500 ? "bad_request" : "server_error");
}

function printable(text: string): string {
  const line = text.slice(0, 2 * MAX_MESSAGE).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
