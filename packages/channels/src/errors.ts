import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Authentication and authorization failures.
 *
 * | code | meaning |
 * | --- | --- |
 * | `auth_failed` | no token was obtained, or the relay rejected it |
 * | `auth_key_invalid` | the API key is unknown or revoked |
 * | `api_key_required` | the call needs an API key and the URL of an API server, and the client has none |
 * | `unauthorized` | the account is not authorized |
 */
export type AuthErrorCode = "auth_failed" | "auth_key_invalid" | "api_key_required" | "unauthorized";

/** The API key is invalid, or its account is not authorized. Not retryable. */
export class AuthError extends ParleyError<AuthErrorCode> {
  override readonly name: string = "AuthError";

  constructor(code: AuthErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, prefixed("auth error", message), options);
  }
}

/**
 * Failures of the communication with the relay or the API server.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `connection_error` | the server is unreachable or overloaded, or the connection was lost | yes |
 * | `timeout` | the server did not answer in time | yes |
 * | `join_timeout` | no member answered the join request in time; repeat the call to continue waiting | yes |
 * | `transport_error` | the response is malformed, or a valid request was rejected | no |
 * | `listener_died` | reading a channel failed; `cause` contains the reason | no |
 * | `closed` | the client, manager or channel was closed | no |
 */
export type TransportErrorCode = "connection_error" | "timeout" | "join_timeout" | "transport_error" | "listener_died" | "closed";

const RETRYABLE: ReadonlySet<TransportErrorCode> = new Set(["connection_error", "timeout", "join_timeout"]);

/** The communication with a server failed. `retryable` depends on the code. */
export class TransportError extends ParleyError<TransportErrorCode> {
  override readonly name: string = "TransportError";

  constructor(code: TransportErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, prefixed("transport error", message), { ...options, retryable: RETRYABLE.has(code) });
  }
}

/**
 * Failures of calls to a channel.
 *
 * | code | meaning |
 * | --- | --- |
 * | `bad_request` | an argument is invalid, such as a name that is not `org/namespace/service` |
 * | `not_found` | the channel is unknown, or this agent is not a member |
 * | `channel_exists` | a channel of this name exists: join it with a token, or open it |
 * | `org_taken` | the org belongs to another account |
 * | `already_answered` | another member has answered the join request |
 * | `already_member` | the agent to be added is already a member |
 * | `identity_taken` | another member has the identity of the joining agent |
 * | `identity_ambiguous` | several members have the given identity |
 * | `limit_reached` | a limit of the account, org, channel or client is reached |
 * | `data_dir_locked` | the data directory is in use by another process or client |
 * | `wrong_identity` | the data directory belongs to another identity |
 * | `removed` | this agent was removed from the channel, or left it |
 * | `leaving` | this agent has asked to leave the channel |
 * | `inbox_full` | the inbox is full, so the log is not read to its end, which the call needs: receive messages first (`receive` of the manager, `messages()` of a channel) |
 * | `storage_failed` | a write to the data directory failed, such as on a full disk. The channel ends; reopen it with `openChannel`. A manager reopens it at the next call, and automatically after at most 30 s |
 * | `rolled_back` | the data directory is an older copy, such as a restored backup. Reported by `onError`; the agent's keys are replaced before it sends. If a commit of this agent is missing, the channel ends: have a member remove this agent, and join again |
 * | `contended` | commits of other members were first in each attempt; repeat the call |
 * | `log_lost` | the relay has lost a part of the log |
 * | `fork` | members have seen different logs |
 * | `channel_error` | another failure; see `cause` |
 */
export type ChannelErrorCode =
  | "bad_request"
  | "not_found"
  | "channel_exists"
  | "org_taken"
  | "already_answered"
  | "already_member"
  | "identity_taken"
  | "identity_ambiguous"
  | "limit_reached"
  | "data_dir_locked"
  | "wrong_identity"
  | "removed"
  | "leaving"
  | "inbox_full"
  | "storage_failed"
  | "rolled_back"
  | "contended"
  | "log_lost"
  | "fork"
  | "channel_error";

const RETRYABLE_CHANNEL: ReadonlySet<ChannelErrorCode> = new Set(["data_dir_locked", "inbox_full", "storage_failed", "contended"]);

/** A call to a channel failed. Retryable: `data_dir_locked`, `inbox_full`, `storage_failed`, `contended`. */
export class ChannelError extends ParleyError<ChannelErrorCode> {
  override readonly name: string = "ChannelError";

  constructor(code: ChannelErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    const whole = message.startsWith("invalid channel name: ") ? message : prefixed("runtime error", message);
    super(code, whole, { ...options, retryable: RETRYABLE_CHANNEL.has(code) });
  }
}

/**
 * Failures of the encryption.
 *
 * | code | meaning |
 * | --- | --- |
 * | `invalid_welcome` | the welcome is damaged, was used before, or is for another channel or agent |
 * | `invalid_key_package` | the key package is malformed or expired |
 * | `decryption_failure` | a message is not from a member, was modified, or is a duplicate |
 * | `epoch_mismatch` | a message is for an epoch whose keys are deleted, or for a later epoch |
 * | `mls_error` | another failure; see `cause` |
 */
export type MlsErrorCode = "mls_error" | "decryption_failure" | "invalid_welcome" | "invalid_key_package" | "epoch_mismatch";

/** A message, welcome or key package is unusable. Not retryable. */
export class MlsError extends ParleyError<MlsErrorCode> {
  override readonly name: string = "MlsError";

  constructor(code: MlsErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, prefixed("MLS engine error", message), options);
  }
}

function prefixed(prefix: string, message: string): string {
  return `${prefix}: ${message}`;
}
