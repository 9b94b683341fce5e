import { isJsonObject } from "@parley/core";
import type { DeliveryFailure } from "./outbound.ts";

/** The meaning of a remote node's HTTP response for a message. */
export type RemoteResponse =
  | { readonly kind: "taken" }
  /** Of a batch, the first messages were accepted and the one after them was rejected. */
  | { readonly kind: "partly_taken"; readonly count: number }
  /** Retry, after the requested time if there is one. `silent`: a proxy reports that the node itself doesn't respond. */
  | { readonly kind: "later"; readonly reason: string; readonly retryAfterMs: number; readonly silent: boolean }
  /** Rejected permanently. `lookAgain`: unless this node's knowledge of the recipient is out of date. */
  | { readonly kind: "refused"; readonly cause: DeliveryFailure; readonly lookAgain: boolean };

/** The parts of a response that matter here. */
export interface ResponseParts {
  readonly status: number;
  readonly retryAfter?: string | undefined;
  /** The beginning of the body. */
  readonly body: string;
  /** The signed head of the recipient's audit chain. */
  readonly head?: string | undefined;
}

/** Transient statuses below 500: timeout, misdirected, too early, too many requests. */
const PASSING: ReadonlySet<number> = new Set([408, 421, 425, 429]);
/** Statuses of proxies that get no response from the node. */
const SILENT: ReadonlySet<number> = new Set([502, 504]);
/** Statuses that are also possible if the message was sent to a former endpoint, or encrypted for a former key. */
const PERHAPS_OUTDATED: ReadonlySet<number> = new Set([400, 404, 410]);
const REMOTE_CODE = /^[\w.-]{1,128}$/;
const MAX_COMMENT = 200;

/**
 * Interprets the response to a posted message. Any 2xx means accepted; 408, 421, 425, 429 and 5xx are transient; all other statuses,
 * redirects included, are rejections.
 *
 * @param now milliseconds since 1970, for a `Retry-After` that is a date.
 * @param sent number of messages that were posted. The response to a batch may have the number of the first ones that were `accepted`.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#https | DIDComm v2.1, HTTPS}
 */
export function readResponse({ status, retryAfter, body }: ResponseParts, now: number, sent = 1): RemoteResponse {
  if (status >= 200 && status < 300) return { kind: "taken" };
  const said = readProblem(body);
  if (said.accepted !== undefined && said.accepted < sent) return { kind: "partly_taken", count: said.accepted };
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

/** Parses `Retry-After`, in seconds or as a date, to milliseconds from now; 0 for neither. */
export function readRetryAfter(value: string | undefined, now: number): number {
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/** The contents of the body of a rejection. */
interface Problem {
  readonly code?: string;
  readonly comment?: string;
  /** Number of messages of a batch that were accepted before the rejected one; at least 1. */
  readonly accepted?: number;
}

/** Reads `{error, code, accepted}` from a body; empty for any other body. */
function readProblem(body: string): Problem {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {};
  }
  if (!isJsonObject(value)) return {};
  const { code, error, accepted } = value;
  return {
    ...(typeof code === "string" && REMOTE_CODE.test(code) && { code }),
    ...(typeof accepted === "number" && Number.isSafeInteger(accepted) && accepted > 0 && { accepted }),
    ...(typeof error === "string" && error !== "" && { comment: printable(error) }),
  };
}

/** Removes control and formatting characters from a remote node's text, which could affect a terminal, and truncates it. */
function printable(text: string): string {
  return text.slice(0, MAX_COMMENT).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, " ");
}
