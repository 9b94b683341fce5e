/** Problem code of a message that is too large. */
export const TOO_LARGE = "e.p.msg.too-large";

/** Why the node rejects a message. `reason` is sent to the sender; `label` is the metric label, out of a closed set. */
export interface Rejection {
  readonly label:
    | "malformed"
    | "unauthorized"
    | "presentation"
    | "unknown_recipient"
    | "unreachable"
    | "no_handler"
    | "expired"
    | "inbox_full"
    | "outbox_full"
    | "too_large"
    | "rate_limited"
    | "failed";
  readonly reason: string;
  /** DIDComm problem code, if there is a specific one. */
  readonly code?: string;
  readonly comment?: string;
}

/** The sender exceeds its rate. */
export const RATE_LIMITED: Rejection = {
  label: "rate_limited",
  reason: "rate limited: slow down and send again",
  code: "e.p.me.res.rate",
};

export type Rejected = { readonly ok: false; readonly rejection: Rejection };

export function rejected(rejection: Rejection): Rejected {
  return { ok: false, rejection };
}

/** Result of a check: passed, or rejected. */
export type CheckResult = { readonly ok: true } | Rejected;

export const PASSED: CheckResult = { ok: true };

/** Result of accepting a message: stored durably, or rejected. `away`: recipients known to have no connection; the message waits in their inboxes. */
export type AcceptResult = { readonly ok: true; readonly away: readonly string[] } | Rejected;

/** Stored, and no recipient is known to be away. */
export const ACCEPTED: AcceptResult = { ok: true, away: [] };

/** Combines the results for several recipients: the first rejection, otherwise all recipients that are away. */
export function combineResults(results: readonly AcceptResult[]): AcceptResult {
  const away: string[] = [];
  for (const result of results) {
    if (!result.ok) return result;
    away.push(...result.away);
  }
  return away.length === 0 ? ACCEPTED : { ok: true, away };
}
