import { DidcommCryptoError } from "@parley/didcomm-crypto";
import { StorageError } from "@parley/storage";
import type { Rejection } from "../../routing/rejection.ts";
import { DENIED } from "../../routing/authorize/policy.ts";
import { UnknownHost } from "./known-hosts.ts";
import { TooManyUnknownSenders } from "./unknown-sender-limiter.ts";

/**
 * Why the node rejects a message from another node: the `code` in its response. Codes that begin with `e.` are DIDComm problem codes, which
 * the sender's node passes on to the agent.
 */
export type InboundCode =
  | "bad_request"
  | "sender_required"
  | "e.m.authz.denied"
  | "e.p.trust.presentation"
  | "not_found"
  | "too_large"
  | "too_slow"
  | "unsupported_media_type"
  | "e.p.msg.unsupported"
  | "e.p.msg.expired"
  | "rate_limited"
  | "inbox_full"
  | "storage_failed"
  | "resolution_failed"
  | "busy"
  | "stopping"
  | "internal";

/** The response to a message from another node. */
export interface InboundResponse {
  readonly status: number;
  readonly code: InboundCode;
  /** A sentence without details about this node. */
  readonly error: string;
  /** Its label in metrics, which is more detailed than `code`. */
  readonly counted: string;
}

const STATUS: Readonly<Record<InboundCode, number>> = {
  bad_request: 400,
  sender_required: 403,
  "e.m.authz.denied": 403,
  "e.p.trust.presentation": 403,
  not_found: 404,
  too_large: 413,
  too_slow: 408,
  unsupported_media_type: 415,
  "e.p.msg.unsupported": 422,
  "e.p.msg.expired": 422,
  rate_limited: 429,
  inbox_full: 503,
  storage_failed: 503,
  resolution_failed: 503,
  busy: 503,
  stopping: 503,
  internal: 500,
};

/** Statuses after which the other node should retry. */
export const TRY_AGAIN: ReadonlySet<number> = new Set([429, 503]);

/**
 * Result of processing an envelope or a batch: the messages are durable in their recipient's inbox, or one was rejected with a response.
 * `accepted`: number of envelopes of a batch before that one.
 */
export type InboundResult =
  | {
      readonly ok: true;
      /** The recipient of the messages, if their sender is proven by authcrypt. */
      readonly recipient?: string;
    }
  | { readonly ok: false; readonly response: InboundResponse; readonly accepted?: number };

export const ACCEPTED: InboundResult = { ok: true };

export function response(code: InboundCode, error = "message refused", counted: string = code): InboundResponse {
  return { status: STATUS[code], code, error, counted };
}

const CODES: Readonly<Record<Rejection["label"], InboundCode>> = {
  malformed: "bad_request",
  unauthorized: "e.m.authz.denied",
  presentation: "e.p.trust.presentation",
  unknown_recipient: "not_found",
  unreachable: "not_found",
  no_handler: "e.p.msg.unsupported",
  expired: "e.p.msg.expired",
  inbox_full: "inbox_full",
  outbox_full: "busy",
  too_large: "too_large",
  rate_limited: "rate_limited",
  failed: "storage_failed",
};

/** The response to a rejection by the router, which rejects authenticated senders only: its reason is included. */
export function responseToRejection({ label, reason, code, comment }: Rejection): InboundResponse {
  // The presentation can't be verified now.
  if (code === "e.p.me.res.net") return response("resolution_failed", reason);
  if (code === DENIED) return response(DENIED, comment ?? reason);
  return response(CODES[label], reason);
}

/** Names no cause, which would reveal details of this node's network. A partner can act on it, and to others it reveals nothing new. */
const SENDER_UNRESOLVED = "the sender's DID can't be resolved here";

/** The response to an error before the router. It does not reveal to unauthenticated senders what exactly was wrong with their message. */
export function responseToError(error: unknown): InboundResponse {
  if (error instanceof TooManyUnknownSenders) return response("rate_limited");
  if (error instanceof UnknownHost) return response(DENIED, error.message, "unknown_host");
  if (error instanceof StorageError) return response("storage_failed", "the message could not be stored; try again");
  if (!(error instanceof DidcommCryptoError)) return response("internal", "internal error");
  const { code, retryable, cause } = error;
  if (cause instanceof TooManyUnknownSenders || cause instanceof UnknownHost) return responseToError(cause);
  if (code === "recipient_unknown") return response("not_found");
  if (code === "too_large") return response("too_large");
  if (code === "resolution_failed" && retryable) return response("resolution_failed", "the sender's DID could not be resolved; try again");
  return response("bad_request", code === "resolution_failed" ? SENDER_UNRESOLVED : undefined, code);
}
