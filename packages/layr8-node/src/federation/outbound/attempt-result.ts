import { backoffMs } from "@parley/core/internal";
import type { DidDocument } from "@parley/did";
import type { RemoteResponse } from "./remote-response.ts";
import type { DeliveryAttempt } from "./pair-queue.ts";
import type { DeliveryFailure, OutboundMessage } from "./outbound.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { UndeliverableError } from "./undeliverable-error.ts";

/** What an attempt came to. */
export type AttemptResult =
  | { readonly kind: "delivered"; readonly message: OutboundMessage }
  | { readonly kind: "dead"; readonly cause: DeliveryFailure }
  /** Failed; the pair waits so long before the next attempt. */
  | { readonly kind: "retry"; readonly reason: string; readonly waitMs: number }
  /** Nothing was decided: the message has gone meanwhile, its recipient has moved, or a second look is due. */
  | { readonly kind: "again" };

export const AGAIN: AttemptResult = { kind: "again" };

/** How a message may be tried again. */
export interface Later {
  readonly reason: string;
  /** Whether a gate sees to the waiting. */
  readonly breakerDelays?: boolean;
  readonly retryAfterMs?: number;
}

const MAX_COMMENT = 300;

/** Another attempt, which waits the longer the more have failed. */
export function later(
  attempt: DeliveryAttempt,
  limits: OutboundLimits,
  { reason, breakerDelays = false, retryAfterMs = 0 }: Later,
): AttemptResult {
  attempt.failures += 1;
  attempt.reason = reason;
  if (breakerDelays) return { kind: "retry", reason, waitMs: 0 };
  const backoff = backoffMs(attempt.failures, { initialMs: limits.retryMs, maxMs: limits.maxRetryMs });
  return { kind: "retry", reason, waitMs: Math.max(retryAfterMs, backoff) };
}

/** A second look, where that may help; else the end. */
export function undeliverable(attempt: DeliveryAttempt, error: UndeliverableError, waitMs = 0): AttemptResult {
  if (attempt.lookedAgain || !error.lookAgain) return { kind: "dead", cause: { code: error.code, comment: bounded(error.message) } };
  attempt.lookedAgain = true;
  attempt.reason = error.message;
  return { kind: "retry", reason: error.message, waitMs };
}

/** The end, unless the document that the message went by may be out of date: then it decides whether there is a newer one. */
export function refused(
  attempt: DeliveryAttempt,
  document: DidDocument,
  { cause, lookAgain }: Extract<RemoteResponse, { kind: "refused" }>,
): AttemptResult {
  if (attempt.lookedAgain || !lookAgain) return { kind: "dead", cause };
  attempt.lookedAgain = true;
  attempt.refusal = { cause, document: JSON.stringify(document) };
  return AGAIN;
}

/** Why a message expired, as far as anything is known. */
export function expired({ reason }: Pick<DeliveryAttempt, "reason">): DeliveryFailure {
  const why = reason === undefined ? "" : `. ${reason}`;
  return { code: "expired", comment: bounded(`The message expired before the other node took it${why}`) };
}

function bounded(text: string): string {
  return text.length <= MAX_COMMENT ? text : `${text.slice(0, MAX_COMMENT - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
