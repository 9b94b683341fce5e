import { ParleyError, RejectedError, NodeTransportError } from "@parley/core";

/**
 * Why a client is not connected.
 *
 * - `not_started`: `connect` was not called, or its last call failed.
 * - `connecting`: `connect` has not finished; await it.
 * - `reconnecting`: the link is lost, and the client reconnects.
 * - `ended`: the connection ended (the node refused it, or another connection took the DID over).
 */
export type NotConnectedReason = "not_started" | "connecting" | "reconnecting" | "ended";

/**
 * The client is not connected now. Nothing was sent, and nothing is queued. `retryable` while it connects or reconnects, where waiting
 * helps.
 */
export class NotConnectedError extends ParleyError<"not_connected" | "disconnected"> {
  override readonly name: string = "NotConnectedError";
  readonly reason: NotConnectedReason;

  constructor(
    reason: NotConnectedReason,
    message: string,
    { code = "not_connected", cause }: { readonly code?: "not_connected" | "disconnected"; readonly cause?: unknown } = {},
  ) {
    super(code, message, { retryable: reason === "connecting" || reason === "reconnecting", cause });
    this.reason = reason;
  }
}

/** The link broke while the call waited. The node may have the message or not; sending it again with the same `id` is safe. */
export class DisconnectedError extends NotConnectedError {
  override readonly name: string = "DisconnectedError";

  constructor(cause: ParleyError, reason: "reconnecting" | "ended" = "reconnecting") {
    const message = `The link to the node broke while the call waited, so the node may have the message or not (${cause.message})`;
    super(reason, message, { code: "disconnected", cause });
  }
}

/** The client connects or is connected: `connect` was called twice, or a handler was registered too late. */
export class AlreadyConnectedError extends ParleyError<"already_connected"> {
  override readonly name: string = "AlreadyConnectedError";

  constructor(message: string) {
    super("already_connected", message);
  }
}

/** `close` was called. A closed client stays closed. */
export class ClientClosedError extends ParleyError<"client_closed"> {
  override readonly name: string = "ClientClosedError";

  constructor() {
    super("client_closed", "The client is closed");
  }
}

/**
 * `connect` failed. `code` and `retryable` are those of the transport's error, which is the `cause`: `connect_failed` and the like may
 * succeed later; `unauthorized` and `join_refused` will not.
 */
export class ConnectionError extends ParleyError {
  override readonly name: string = "ConnectionError";
  /** The node's reason, where it gave one. */
  readonly reason?: string;

  constructor(cause: unknown) {
    const { code, message, retryable } = ParleyError.from(cause, "connect_failed");
    super(code, `Could not connect: ${message}`, { cause, retryable });
    if (cause instanceof RejectedError) this.reason = cause.reason;
  }
}

/** The node refused a message. `retryable` if its problem code allows a later attempt, such as `e.p.me.res.net`. */
export class ServerRejectError extends ParleyError<"server_reject"> {
  override readonly name: string = "ServerRejectError";
  /** The node's reason as it stands on the wire, such as `unauthorized`. */
  readonly reason: string;
  /** The problem code that the node gave, such as `e.m.authz.denied`. */
  readonly problemCode?: string;
  /** The message that was refused. */
  readonly messageId: string;

  constructor(cause: RejectedError, messageId: string) {
    // Without the cause, because it contains nothing more, and printing it would repeat this error.
    super("server_reject", cause.message, { retryable: cause.retryable });
    this.reason = cause.reason;
    this.messageId = messageId;
    if (cause.problemCode !== undefined) this.problemCode = cause.problemCode;
  }
}

/** What is known of a request that got no response. */
export interface UnansweredRequest {
  readonly threadId: string;
  readonly messageId: string;
  readonly to: readonly string[];
  readonly type: string;
  readonly timeoutMs: number;
  /** Whether the node has accepted the request. */
  readonly accepted: boolean;
  /** Recipients without a connection when the node accepted the request; empty if the node does not report them. */
  readonly away: readonly string[];
}

/**
 * No response came in time. Unless it was sent with `expires: false`, the request expires with its timeout: handlers that have begun
 * finish, and none begins with it later. A response that comes now reaches the error handler as `late_response`.
 */
export class RequestTimeoutError extends ParleyError<"request_timeout"> implements UnansweredRequest {
  override readonly name: string = "RequestTimeoutError";
  /** The thread that was waited on. */
  readonly threadId: string;
  /** The request's id. A retry that uses it again is handled once. */
  readonly messageId: string;
  readonly to: readonly string[];
  readonly type: string;
  readonly timeoutMs: number;
  readonly accepted: boolean;
  readonly away: readonly string[];

  constructor(request: UnansweredRequest) {
    const { threadId, messageId, to, type, timeoutMs, accepted, away } = request;
    const state = !accepted ? "; the node had not accepted it yet" : away.length > 0 ? `; ${list(away)}: no agent is connected` : "";
    super("request_timeout", `No response from ${list(to)} to ${type} within ${timeoutMs} ms${state}`, { retryable: true });
    this.threadId = threadId;
    this.messageId = messageId;
    this.to = to;
    this.type = type;
    this.timeoutMs = timeoutMs;
    this.accepted = accepted;
    this.away = away;
  }
}

/** What callers of `send` and `request` see of a transport's failure. */
export function sendErrorFrom(
  error: unknown,
  messageId: string,
  closed: boolean,
  notConnected: (cause: unknown) => NotConnectedError,
): unknown {
  if (error instanceof RejectedError) return new ServerRejectError(error, messageId);
  if (!(error instanceof NodeTransportError)) return error;
  switch (error.code) {
    case "not_connected":
      return notConnected(error);
    case "disconnected":
      return new DisconnectedError(error);
    case "closed":
      return closed ? new ClientClosedError() : new DisconnectedError(error, "ended");
    default:
      return error;
  }
}

const MAX_LISTED = 3;

function list(dids: readonly string[]): string {
  const shown = dids.slice(0, MAX_LISTED).join(", ");
  return dids.length > MAX_LISTED ? `${shown} and ${dids.length - MAX_LISTED} more` : shown;
}

/** Whether a message failed because the link or its acknowledgement was missing, so that it can be sent again later. */
export function isLinkFailure(error: unknown): boolean {
  if (error instanceof NotConnectedError || error instanceof ClientClosedError) return true;
  return error instanceof NodeTransportError && error.code === "push_timeout";
}
