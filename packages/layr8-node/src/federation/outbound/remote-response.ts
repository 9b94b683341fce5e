import { isJsonObject } from "@parley/core";
import type { DeliveryFailure } from "./outbound.ts";

/** What another node's HTTP response means for a message. */
export type RemoteResponse =
  | { readonly kind: "taken" }
  /** Worth another try, after the time that the node asked for, if any. `silent`: a proxy says that the node itself gives no answer. */
  | { readonly kind: "later"; readonly reason: string; readonly retryAfterMs: number; readonly silent: boolean }
  /** Refused for good. `lookAgain`: unless what this node knows of the recipient is out of date. */
  | { readonly kind: "refused"; readonly cause: DeliveryFailure; readonly lookAgain: boolean };

/** A response as far as it matters. */
export interface ResponseParts {
  readonly status: number;
  readonly retryAfter?: string | undefined;
  /** The beginning of the body. */
  readonly body: string;
}

/** Statuses below 500 that pass: timeout, misdirected, too early, too many requests. */
const PASSING: ReadonlySet<number> = new Set([408, 421, 425, 429]);
/** Statuses of proxies that get no answer. */
const SILENT: ReadonlySet<number> = new Set([502, 504]);
/** Statuses that a message gets, too, if it went to a former place of the recipient, or was encrypted for a former key. */
const PERHAPS_OUTDATED: ReadonlySet<number> = new Set([400, 404, 410]);
const REMOTE_CODE = /^[\w.-]{1,128}$/;
const MAX_COMMENT = 200;

/**
 * Reads a response to a posted message. Any 2xx means that it was taken; 408, 421, 425, 429 and 5xx pass; everything else, redirects
 * included, is a refusal.
 *
 * @param now milliseconds since 1970, for a `Retry-After` that is a date.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#https | DIDComm v2.1, HTTPS}
 */
export function readResponse({ status, retryAfter, body }: ResponseParts, now: number): RemoteResponse {
  if (status >= 200 && status < 300) return { kind: "taken" };
  const said = readProblem(body);
  const more = said.comment === undefined ? "" : `: ${said.comment}`;
  if (status >= 500 || PASSING.has(status)) {
    const reason = `The other node answered with status ${status}${more}`;
    return { kind: "later", reason, retryAfterMs: readRetryAfter(retryAfter, now), silent: SILENT.has(status) };
  }
  const redirects = status >= 300 && status < 400 ? ", a redirect, which is not followed" : "";
  const comment = `The other node refused the message with status ${status}${redirects}${more}`;
  const remote = said.code === undefined ? {} : { remoteCode: said.code };
  return { kind: "refused", cause: { code: "refused", comment, status, ...remote }, lookAgain: PERHAPS_OUTDATED.has(status) };
}

/** Seconds or a date, as milliseconds from now; 0 for neither. */
export function readRetryAfter(value: string | undefined, now: number): number {
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/** `{error, code}`, if that is what it is. */
function readProblem(body: string): { readonly code?: string; readonly comment?: string } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {};
  }
  if (!isJsonObject(value)) return {};
  const { code, error } = value;
  return {
    ...(typeof code === "string" && REMOTE_CODE.test(code) && { code }),
    ...(typeof error === "string" && error !== "" && { comment: printable(error) }),
  };
}

/** Text of a stranger in one line, without anything that could steer a terminal or a reader. */
function printable(text: string): string {
  return text.slice(0, MAX_COMMENT).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, " ");
}
