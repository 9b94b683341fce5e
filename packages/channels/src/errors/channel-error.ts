import { ParleyError, type ParleyErrorOptions } from "@parley/core";

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
 * | `audit_off` | this agent has no audit chain of the channel: set the option `audit`, and send or receive a message |
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
  | "audit_off"
  | "channel_error";

const RETRYABLE: ReadonlySet<ChannelErrorCode> = new Set(["data_dir_locked", "inbox_full", "storage_failed", "contended"]);

/** A call to a channel failed. Retryable: `data_dir_locked`, `inbox_full`, `storage_failed`, `contended`. */
export class ChannelError extends ParleyError<ChannelErrorCode> {
  override readonly name: string = "ChannelError";

  constructor(code: ChannelErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    const whole = message.startsWith("invalid channel name: ") ? message : `runtime error: ${message}`;
    super(code, whole, { ...options, retryable: RETRYABLE.has(code) });
  }
}
