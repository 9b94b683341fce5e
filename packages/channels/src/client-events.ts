import type { ParleyError } from "@parley/core";
import type { ChannelMember } from "./channel/channel-member.ts";

/** A log entry that was skipped. */
export interface SkippedEntry {
  readonly sequence: number;
  /** Number of entries from `sequence` on, which the relay has evicted. Absent: one entry, which was read. */
  readonly count?: number;
  /** The reason: MlsError, or ChannelError (`log_lost` for evicted entries). */
  readonly error: Error;
}

/** The effect of a commit on the members of a channel. */
export interface MemberChanges {
  /** The new epoch. */
  readonly epoch: bigint;
  readonly by: ChannelMember;
  readonly added: readonly ChannelMember[];
  readonly removed: readonly ChannelMember[];
}

/** The difference between a channel's members and the grants at the API server. */
export interface GrantDifference {
  /** Accounts with a grant whose members were all removed. */
  readonly accountsWithoutMember: readonly string[];
}

/** Event listeners of a client or manager. A listener that throws or rejects causes a process warning, and has no other effect. */
export interface SkytaleClientEvents {
  /** The relay is connected. */
  onConnected(): void;
  /** The connection was lost or could not be opened. The client reconnects if the error is retryable. */
  onDisconnected(reason: ParleyError): void;
  /** All log entries are applied that the relay had when the connection was opened. */
  onCaughtUp(channel: string): void;
  /** Members were added or removed, or have updated their keys. */
  onMembersChanged(channel: string, changes: MemberChanges): void;
  /**
   * Accounts without a member still have access to a channel of this account: revoke their grants with
   * `removeMember(…, { withdraw: true })`, or at the API server. Only managers report this, and also warn: they compare members and grants when
   * a channel has caught up after it was opened, and after each commit, at most once per second.
   */
  onGrantsDiffer(channel: string, difference: GrantDifference): void;
  /**
   * An entry of a channel's log was skipped: malformed, a duplicate, from an expired epoch, or not decryptable; or entries were evicted by the
   * relay. Reading continues. Entries from before this agent joined are not reported.
   */
  onSkipped(channel: string, entry: SkippedEntry): void;
  /**
   * A message was decrypted and stored, which took this many milliseconds: for the metrics of a program. Without a listener nothing is measured.
   */
  onDecrypted(channel: string, ms: number): void;
  /**
   * A problem that needs an operator: ChannelError `fork`, `log_lost` or `rolled_back`, an invalid join request, or the error that the channel
   * ended with.
   */
  onError(channel: string, error: Error): void;
}
