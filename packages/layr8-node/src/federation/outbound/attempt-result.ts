import { backoffMs } from "@parley/core/internal";
import type { DidDocument } from "@parley/did";
import type { RemoteResponse } from "./remote-response.ts";
import type { HeadState } from "./pair-queue.ts";
import type { DeliveryFailure } from "./outbound.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { StoredEntry } from "./outbound-store.ts";
import type { UndeliverableError } from "./undeliverable-error.ts";

/** A message and its place in the queue. */
export interface Posted {
  readonly entry: StoredEntry;
  readonly message: OutboundMessage;
}

/** Result of a delivery attempt. */
export type AttemptResult =
  /** The remote node has accepted the first messages of the queue: one, or those of a batch. */
  | {
      readonly kind: "delivered";
      readonly delivered: readonly Posted[];
      /** Whether it was the node of a mediator, which keeps them for the recipient. */
      readonly isMediated: boolean;
      /** The head of the recipient's audit chain, as the other node has sent it. */
      readonly head?: string | undefined;
    }
  | { readonly kind: "dead"; readonly cause: DeliveryFailure }
  /** Failed; the queue pauses before the next attempt. */
  | { readonly kind: "retry"; readonly reason: string; readonly waitMs: number }
  /** No result: the message has been removed, the recipient has moved, or its document must be resolved again. */
  | { readonly kind: "again" };

export const AGAIN: AttemptResult = { kind: "again" };

/** The failure of a message that an operator has removed. */
export const PURGED: DeliveryFailure = {
  code: "purged",
  comment: "An operator of this node removed the message before the other node took it",
};

/** Why and when a message is retried. */
export interface Later {
  readonly reason: string;
  /** Whether the circuit breaker delays the next attempt. */
  readonly breakerDelays?: boolean;
  readonly retryAfterMs?: number;
}

const MAX_COMMENT = 300;

/** Records a failed attempt, and returns the retry, with a wait that grows with the number of failures. */
export function recordFailure(
  attempt: HeadState,
  limits: OutboundLimits,
  { reason, breakerDelays = false, retryAfterMs = 0 }: Later,
): AttemptResult {
  attempt.failures += 1;
  attempt.reason = reason;
  // The circuit breaker of the host delays the next attempt until its pause ends.
  if (breakerDelays) return { kind: "retry", reason, waitMs: 0 };
  const backoff = backoffMs(attempt.failures, { initialMs: limits.retryMs, maxMs: limits.maxRetryMs });
  return { kind: "retry", reason, waitMs: Math.max(retryAfterMs, backoff) };
}

/** A second resolution where that may help; otherwise a permanent failure. */
export function undeliverable(attempt: HeadState, error: UndeliverableError, waitMs = 0): AttemptResult {
  if (attempt.lookedAgain || !error.lookAgain) return { kind: "dead", cause: { code: error.code, comment: bounded(error.message) } };
  attempt.lookedAgain = true;
  attempt.reason = error.message;
  return { kind: "retry", reason: error.message, waitMs };
}

/** A permanent failure, unless the recipient's document may be out of date: then a newer document decides. */
export function refused(
  attempt: HeadState,
  document: DidDocument,
  { cause, lookAgain }: Extract<RemoteResponse, { kind: "refused" }>,
): AttemptResult {
  if (attempt.lookedAgain || !lookAgain) return { kind: "dead", cause };
  attempt.lookedAgain = true;
  attempt.refusal = { cause, document: JSON.stringify(document) };
  return AGAIN;
}

/** The failure of an expired message, with the reason of its last failed attempt. */
export function expired({ reason }: Pick<HeadState, "reason">): DeliveryFailure {
  const why = reason === undefined ? "" : `. ${reason}`;
  return { code: "expired", comment: bounded(`The message expired before the other node took it${why}`) };
}

function bounded(text: string): string {
  return text.length <= MAX_COMMENT ? text : `${text.slice(0, MAX_COMMENT - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
