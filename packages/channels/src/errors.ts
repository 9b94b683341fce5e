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
 * | `already_member` | who is to be added is in the channel already |
 * | `identity_taken` | another member has the identity of the agent that is to be added, or that joins |
 * | `identity_ambiguous` | several members have the identity that a call names |
 * | `limit_reached` | the account, org, channel or client has as many of these as it may |
 * | `data_dir_locked` | another process, or another client, uses the data directory |
 * | `wrong_identity` | the data directory belongs to another identity |
 * | `removed` | this agent was removed from the channel, or left it |
 * | `leaving` | this agent has asked to leave the channel |
 * | `inbox_full` | so much waits to be taken (`receive` of the manager, `messages()` of a channel) that the channel is not read on; the group can't be changed until it is, nor can anything be sent that others could not read any more |
 * | `storage_failed` | the data directory can't be written now, as when the disk is full; `openChannel` goes on with a channel that this has ended; a manager does so at its next call, and tries by itself every 30 s at most |
 * | `rolled_back` | the data directory is older than what this agent has done in the channel, as after a restored backup. Reported by `onError`, the agent's keys are replaced before anything is sent. Where an own change of the group is missing, the channel ends with it: a member must remove this agent, which then joins again |
 * | `contended` | other members' changes were always first; the same call may succeed later |
 * | `log_lost` | the relay doesn't have all of the channel's log any more |
 * | `fork` | members disagree about the channel's history: somebody was shown another log |
 * | `channel_error` | anything else; `cause` says what |
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

const PASSING: ReadonlySet<ChannelErrorCode> = new Set(["data_dir_locked", "inbox_full", "storage_failed", "contended"]);

/** A channel that can't do what was asked. Retryable: `data_dir_locked`, `inbox_full`, `storage_failed`, `contended`. */
export class ChannelError extends ParleyError<ChannelErrorCode> {
  override readonly name: string = "ChannelError";

  constructor(code: ChannelErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    const whole = message.startsWith("invalid channel name: ") ? message : prefixed("runtime error", message);
    super(code, whole, { ...options, retryable: PASSING.has(code) });
  }
}

/**
 * What the encryption of a channel refuses.
 *
 * | code | meaning |
 * | --- | --- |
 * | `invalid_welcome` | the Welcome is damaged, for another channel or agent, or was used |
 * | `invalid_key_package` | the key package can't be read, is expired, or isn't one |
 * | `decryption_failure` | a message is from no member, was changed on the way, or came twice |
 * | `epoch_mismatch` | a message is of an epoch that is kept no longer, or that isn't reached |
 * | `mls_error` | anything else; `cause` says what |
 */
export type MlsErrorCode = "mls_error" | "decryption_failure" | "invalid_welcome" | "invalid_key_package" | "epoch_mismatch";

/** A message, Welcome or key package that can't be used. Never retryable. */
export class MlsError extends ParleyError<MlsErrorCode> {
  override readonly name: string = "MlsError";

  constructor(code: MlsErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, prefixed("MLS engine error", message), options);
  }
}

function prefixed(prefix: string, message: string): string {
  return `${prefix}: ${message}`;
}
