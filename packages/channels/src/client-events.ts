import type { ParleyError } from "@parley/core";
import type { ChannelMember } from "./channel/channel-member.ts";

/** A log entry that was not used. */
export interface SkippedEntry {
  readonly sequence: number;
  /** Why: MlsError or ChannelError. */
  readonly error: Error;
}

/** What a commit did to a channel. */
export interface MemberChanges {
  /** The group's epoch after it. */
  readonly epoch: bigint;
  readonly by: ChannelMember;
  readonly added: readonly ChannelMember[];
  readonly removed: readonly ChannelMember[];
}

/** What the members of a channel's group and the grants at the API server differ in. */
export interface GrantDifference {
  /** Accounts that may use the channel although no member that they were let in with is left. */
  readonly accountsWithoutMember: readonly string[];
}

/** What a client reports by itself. One that throws or rejects raises a process warning, and stops nothing. */
export interface SkytaleClientEvents {
  /** The link to the relay is up. */
  onConnected(): void;
  /** The link is lost, or could not be opened. The client tries again by itself, unless the error isn't retryable. */
  onDisconnected(reason: ParleyError): void;
  /** Everything that the relay had of a channel when the link was opened has been applied. */
  onCaughtUp(channel: string): void;
  /** Members were added, removed, or have changed their keys. */
  onMembersChanged(channel: string, changes: MemberChanges): void;
  /**
   * Accounts may still use a channel of this account and have no member left: withdraw their grants with
   * `removeMember(…, { withdraw: true })`, or at the API server. Reported by a manager, with a warning beside: members and grants are compared
   * when the channel has caught up after it was opened, and after each commit, at most once a second.
   */
  onGrantsDiffer(channel: string, difference: GrantDifference): void;
  /**
   * An entry of a channel's log is of no use here: garbage, a repetition, of an epoch that is kept no longer, not decryptable. The channel
   * goes on after it. Messages from before this agent joined are not reported.
   */
  onSkipped(channel: string, entry: SkippedEntry): void;
  /**
   * Something is wrong with a channel that needs a person's attention: ChannelError `fork`, `log_lost`; or what the channel ended with.
   */
  onError(channel: string, error: Error): void;
}
