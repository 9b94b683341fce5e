import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why somebody is not let in.
 *
 * | code | meaning |
 * | --- | --- |
 * | `auth_failed` | no token could be had, or the relay refused it |
 * | `auth_key_invalid` | the API key is unknown or revoked |
 * | `api_key_required` | this takes an API key and the URL of an API server, and the client has none |
 * | `unauthorized` | the account may not do this |
 */
export type AuthErrorCode = "auth_failed" | "auth_key_invalid" | "api_key_required" | "unauthorized";

/** The API key or the account doesn't allow it. Never retryable. */
export class AuthError extends ParleyError<AuthErrorCode> {
  override readonly name: string = "AuthError";

  constructor(code: AuthErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, prefixed("auth error", message), options);
  }
}

/**
 * What went wrong on the way to the relay or the API server.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `connection_error` | it can't be reached, is too busy, or the connection broke | yes |
 * | `timeout` | it did not answer in time | yes |
 * | `join_timeout` | no member answered the request to join in time; the same call goes on waiting | yes |
 * | `transport_error` | it answered what makes no sense, or refused what it should take | no |
 * | `listener_died` | a channel is read no more; `cause` says why | no |
 * | `closed` | the client was closed | no |
 */
export type TransportErrorCode = "connection_error" | "timeout" | "join_timeout" | "transport_error" | "listener_died" | "closed";

const RETRYABLE: ReadonlySet<TransportErrorCode> = new Set(["connection_error", "timeout", "join_timeout"]);

/** A failure on the way; `retryable` follows from the code. */
export class TransportError extends ParleyError<TransportErrorCode> {
  override readonly name: string = "TransportError";

  constructor(code: TransportErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, prefixed("transport error", message), { ...options, retryable: RETRYABLE.has(code) });
  }
}

/**
 * What is wrong with a channel, or with what was asked of it.
 *
 * | code | meaning |
 * | --- | --- |
 * | `bad_request` | what was asked makes no sense, such as a name that isn't `org/namespace/service` |
 * | `not_found` | there is no such channel, or this agent is no member of it |
 * | `channel_exists` | there is a channel of this name already |
 * | `org_taken` | the org belongs to another account |
 * | `already_answered` | somebody else has answered the request to join |
 * | `limit_reached` | the account, org, channel or client has as many of these as it may |
 * | `data_dir_locked` | another process, or another client, uses the data directory |
 * | `wrong_identity` | the data directory belongs to another identity |
 * | `removed` | this agent was removed from the channel, or left it |
 * | `fork` | members disagree about the channel's history: somebody was shown another log |
 * | `channel_error` | anything else; `cause` says what |
 */
export type ChannelErrorCode =
  | "bad_request"
  | "not_found"
  | "channel_exists"
  | "org_taken"
  | "already_answered"
  | "limit_reached"
  | "data_dir_locked"
  | "wrong_identity"
  | "removed"
  | "fork"
  | "channel_error";

/** A channel that can't do what was asked. Never retryable. */
export class ChannelError extends ParleyError<ChannelErrorCode> {
  override readonly name: string = "ChannelError";

  constructor(code: ChannelErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message.startsWith("invalid channel name: ") ? message : prefixed("runtime error", message), options);
  }
}

function prefixed(prefix: string, message: string): string {
  return `${prefix}: ${message}`;
}
