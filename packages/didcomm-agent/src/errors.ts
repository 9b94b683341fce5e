import { ParleyError, RejectedError, TransportError } from "@parley/core";

/** The client is not connected now: before `connect`, or while it reconnects. Nothing was sent, and nothing is queued. */
export class NotConnectedError extends ParleyError<"not_connected" | "disconnected"> {
  override readonly name: string = "NotConnectedError";

  constructor(message = "The client is not connected", code: "not_connected" | "disconnected" = "not_connected", cause?: unknown) {
    super(code, message, { retryable: true, cause });
  }
}

/** The link broke while the call waited. The node may or may not have the message. */
export class DisconnectedError extends NotConnectedError {
  override readonly name: string = "DisconnectedError";

  constructor(cause?: unknown) {
    super("The link to the node broke while the call was waiting", "disconnected", cause);
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

/** The node refused a message. */
export class ServerRejectError extends ParleyError<"server_reject"> {
  override readonly name: string = "ServerRejectError";
  /** The node's reason as it stands on the wire, such as `unauthorized`. */
  readonly reason: string;
  /** A problem code that the node gave besides, such as `e.m.authz.denied`. */
  readonly problemCode?: string;
  /** The message that was refused. */
  readonly messageId: string;

  constructor(cause: RejectedError, messageId: string) {
    super("server_reject", cause.message, { cause });
    this.reason = cause.reason;
    this.messageId = messageId;
    if (cause.problemCode !== undefined) this.problemCode = cause.problemCode;
  }
}

/** No response came in time. The other side may still be working on it; a response that comes now reaches the handlers. */
export class RequestTimeoutError extends ParleyError<"request_timeout"> {
  override readonly name: string = "RequestTimeoutError";
  /** The thread that was waited on. */
  readonly threadId: string;

  constructor(threadId: string, timeoutMs: number) {
    super("request_timeout", `No response within ${timeoutMs} ms`, { retryable: true });
    this.threadId = threadId;
  }
}

/** What callers of `send` and `request` see of a transport's failure. */
export function sendErrorFrom(error: unknown, messageId: string, closed: boolean): unknown {
  if (error instanceof RejectedError) return new ServerRejectError(error, messageId);
  if (!(error instanceof TransportError)) return error;
  switch (error.code) {
    case "not_connected":
      return new NotConnectedError(undefined, "not_connected", error);
    case "disconnected":
      return new DisconnectedError(error);
    case "closed":
      return closed ? new ClientClosedError() : new DisconnectedError(error);
    default:
      return error;
  }
}

/** Whether a message failed for want of a link or of an answer: what was to be said may be said again later. */
export function isLinkFailure(error: unknown): boolean {
  if (error instanceof NotConnectedError || error instanceof ClientClosedError) return true;
  return error instanceof TransportError && error.code === "push_timeout";
}
