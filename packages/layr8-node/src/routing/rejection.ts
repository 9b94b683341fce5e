/** Problem code of a message that is too large. */
export const TOO_LARGE = "e.p.msg.too-large";

/** Why the node refuses a message: `reason` is what the sender reads, `label` the bounded set that is counted. */
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
  /** DIDComm problem code, where one says more. */
  readonly code?: string;
  readonly comment?: string;
}
