import type { AddMemberOptions, RemoveMemberOptions, WaitOptions } from "../wait-options.ts";
import type { ChannelMember, MemberName } from "./channel-member.ts";
import type { ChannelMessage } from "./channel-message.ts";
import type { SendOptions, Sent } from "./send-options.ts";

/**
 * An encrypted channel that this agent is a member of: a result of `createChannel`, `joinChannel` or `openChannel` of a `SkytaleClient`.
 *
 * Calls can overlap: an agent sends, adds and removes members while it iterates messages.
 */
export interface Channel extends AsyncDisposable {
  /** `org/namespace/service`. */
  readonly name: string;

  /** Epoch of the group: it increases by one with each commit. All members that have read the whole log are in the same epoch. */
  readonly epoch: bigint;

  /** The members in the current epoch, this agent included. */
  readonly members: readonly ChannelMember[];

  /** Whether the channel receives and can send: it is not closed, and this agent was not removed. */
  readonly isActive: boolean;

  /** Whether the relay is connected. */
  readonly connected: boolean;

  /**
   * A number that two members compare over another medium, such as a phone call: 12 groups of 5 digits. Equal numbers in the same
   * {@link Channel.epoch} prove that both have the same members with the same signature keys, and that no attacker is between them. The number
   * changes with each commit, so compare the epoch too.
   *
   * @throws the error that the channel ended with
   */
  safetyNumber(): string;

  /**
   * Resolves when all entries are applied that the relay's log had when the connection was opened.
   *
   * @throws ChannelError `inbox_full`
   * @throws TransportError `connection_error`, `timeout`
   * @throws the error that the channel ended with; the signal's reason
   */
  caughtUp(options?: WaitOptions): Promise<void>;

  /**
   * Adds an agent by a key package from its `generateKeyPackage`. Returns the welcome, which the agent passes to `joinChannel`.
   *
   * Transfer the key package over a channel that protects its integrity: the author of the key package becomes the member.
   *
   * @throws MlsError `invalid_key_package`
   * @throws ChannelError `already_member`, `identity_taken`, `limit_reached`, `contended`, `inbox_full`, `removed`
   * @throws TransportError; AuthError; the signal's reason
   */
  addMember(keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array>;

  /** Adds several agents in one commit, which costs as much as adding one. All of them join with the same welcome. */
  addMembers(keyPackages: readonly Uint8Array[], options?: AddMemberOptions): Promise<Uint8Array>;

  /**
   * Removes one member, given as an element of {@link Channel.members}, by its signature key, or by an identity that no other member has.
   * The member cannot decrypt messages sent after this resolves. Resolves without a commit if the member was already removed.
   *
   * With `withdraw`, its account loses access to the channel, as do the accounts that joined with that account's invites.
   *
   * @throws ChannelError `not_found` (no member has that identity; with `withdraw` also if another account owns the channel, or no grant
   *   names the member, which is then not removed), `identity_ambiguous` (several members have it: pass an element of
   *   {@link Channel.members}), `bad_request` (the member is this agent: see {@link Channel.leave}), `contended`, `inbox_full`, `removed`
   * @throws TransportError; AuthError; TypeError; the signal's reason
   */
  removeMember(member: MemberName, options?: RemoveMemberOptions): Promise<void>;

  /**
   * Replaces this agent's encryption keys. An attacker who copied the old keys cannot decrypt messages of later epochs.
   *
   * @throws as {@link Channel.addMember}
   */
  rotateKey(options?: WaitOptions): Promise<void>;

  /**
   * Sends a message to all other members. Resolves once the relay has stored the message durably, with its sequence number. Messages are
   * recorded in the order of the calls.
   *
   * While the channel is open, a message is republished after a lost connection and recorded once. If the process ends before this resolves,
   * the message may or may not be recorded. With an `id`, repeat the call after the restart: the message is recorded exactly once.
   *
   * While the inbox is full, the log is not read, and the number of epochs it has advanced is known only from the relay. A malicious relay
   * could then record a message too late for others to decrypt. `inbox_full` reports that this happened or may have happened: receive
   * messages, then send again with the same `id`.
   *
   * @example
   * ```ts
   * import type { Channel } from "@parley/channels";
   *
   * declare const channel: Channel;
   * const { sequence } = await channel.send(new TextEncoder().encode("Hello, agents!"), { id: "greeting-1" });
   * ```
   *
   * @throws TransportError `connection_error`, `timeout`, `closed`
   * @throws ChannelError `inbox_full`, `removed`, `leaving`, `limit_reached` (the send queue is full), `bad_request` (too large for the relay)
   * @throws AuthError; TypeError; the signal's reason
   */
  send(data: Uint8Array, options?: SendOptions): Promise<Sent>;

  /**
   * The messages of the other members, in log order. Only one iteration can run at a time; the next one continues after the last message.
   *
   * Requesting the next message, or ending the iteration, settles the previous message: it is then deleted from the disk. Unsettled messages
   * are delivered again after a restart. Messages settled just before a crash may also be delivered again: compare their `id`.
   *
   * Unsettled messages fill the inbox up to its limits. Beyond them the channel stops reading, the rest waits on the relay, and the group
   * cannot be changed. The iteration ends when the channel is closed or this agent has left.
   *
   * @example
   * ```ts
   * import type { Channel } from "@parley/channels";
   *
   * declare const channel: Channel;
   * for await (const { senderName, text } of channel.messages()) console.log(senderName, text);
   * ```
   *
   * @throws TypeError if an iteration is running, or the channel was opened with `receive: false`
   * @throws ChannelError `removed`, `channel_error`; AuthError; TransportError `listener_died`: after the last message, if the channel ended
   *   with that error
   */
  messages(): AsyncIterableIterator<ChannelMessage, undefined>;

  /**
   * Asks the other members to remove this agent. Resolves when the request is recorded; after that, nothing can be sent. An online member
   * commits the removal, which ends the iteration of messages. The last member leaves immediately.
   *
   * @throws TransportError; AuthError; ChannelError; the signal's reason
   */
  leave(options?: WaitOptions): Promise<void>;

  /**
   * The audit chain of this agent, with the option `audit`: JSON Lines for `verifyAudit` of `@parley/audit` and `parley audit verify`, each with its line
   * break. All entries are on disk before the head is signed.
   *
   * @throws ChannelError `audit_off` (without the option, or before the first message), `storage_failed`; the error that the channel ended with
   */
  exportAudit(): AsyncIterable<string>;

  /** Stops receiving and sending, and rejects pending sends. Keys are kept: `openChannel` reopens the channel. Idempotent. */
  close(): Promise<void>;
}
