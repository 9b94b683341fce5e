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

/** Result of a check: passed, or rejected. */
export type CheckResult = { readonly ok: true } | { readonly ok: false; readonly rejection: Rejection };

export const PASSED: CheckResult = { ok: true };

export function rejected(rejection: Rejection): { readonly ok: false; readonly rejection: Rejection } {
  return { ok: false, rejection };
}
