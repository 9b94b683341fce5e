import { closeAll, runWithin, signalWithin } from "@parley/core/internal";
import type { CommitMessage, MlsMember } from "@parley/mls-engine";
import type { RelayMessage } from "@parley/skytale-relay";
import { AuthError, ChannelError, MlsError, TransportError } from "../errors.ts";
import { channelErrorUnlessAborted, toChannelError } from "../error-mapping.ts";
import { holderOf } from "../invites/key-package-holder.ts";
import { type AddMemberOptions, readWait, type WaitOptions } from "../wait-options.ts";
import { encodeWelcome } from "../welcome-bundle.ts";
import type { ChannelContext } from "./channel-context.ts";
import { checkIdentitiesFree } from "./check-identities-free.ts";
import { Inbound } from "./inbound.ts";
import { Inbox, type InboxLimits } from "./inbox.ts";
import { type ChannelMember, isEqual, keyOfMember, type MemberName, memberOf } from "./channel-member.ts";
import type { LogPosition } from "./log-position.ts";
import { describeNonBytes } from "./describe-non-bytes.ts";
import { GroupChanges, type AppliedCommit } from "./group-changes.ts";
import type { ChannelMessage } from "./channel-message.ts";
import { Outbound } from "./outbound.ts";
import { type OutboundLimits, readSend, type SendOptions, type Sent } from "./send-options.ts";
import { safetyNumberOf } from "./safety-number.ts";
import { GroupMaintenance } from "./group-maintenance.ts";

/** What a channel is made with. */
export interface ChannelParts {
  readonly context: ChannelContext;
  readonly limits: InboxLimits & OutboundLimits;
  /** Whether messages are kept until they are taken. */
  readonly keepsMessages: boolean;
  /** Whether agents are added though another member has their identity. */
  readonly allowSameIdentity: boolean;
  /** Fires {@link ChannelContext.closed}. */
  readonly close: (reason: Error) => void;
  /** Erases everything that is kept. */
  readonly forget: () => Promise<void>;
  readonly onClosed: () => void;
}

/** How long who joins again waits for its leave to be done, in milliseconds. */
const LEAVING_MS = 5000;

/**
 * An encrypted channel that this agent is a member of.
 *
 * Everything can be used at once: sending, adding and removing go on while messages are iterated.
 */
export class Channel implements AsyncDisposable {
  /** `org/namespace/service`. */
  readonly name: string;
  readonly #parts: ChannelParts;
  readonly #inbox: Inbox | undefined;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #changes: GroupChanges;
  readonly #maintenance: GroupMaintenance;
  #removal: Error | undefined;
  #closing: Promise<void> | undefined;

  /** Made by `SkytaleClient`. */
  constructor(parts: ChannelParts) {
    const { context, limits, keepsMessages } = parts;
    this.name = context.name;
    this.#parts = parts;
    this.#inbox = keepsMessages ? new Inbox(context.group, limits, (error) => this.#ended(error)) : undefined;
    this.#changes = new GroupChanges(context);
    this.#maintenance = new GroupMaintenance(context, this.#changes);
    this.#outbound = new Outbound(context, limits, {
      commitProposals: () => this.#maintenance.commitProposals(),
      replaceKeys: () => this.#maintenance.replaceKeys(),
    });
    this.#inbound = new Inbound(context, this.#inbox, {
      isSentHere: (entry) => this.#outbound.seen(entry),
      rewound: () => this.#outbound.forgetExpected(),
      committed: (commit, entry) => this.#committed(commit, entry),
      doubtful: (sequence) => this.#changes.doubt(sequence),
      proposed: () => this.#maintenance.proposed(),
      caughtUp: () => this.#caughtUp(),
      ended: (error) => this.#ended(error),
    });
    this.#inbound.start();
  }

  /** The group's epoch: it counts the changes of membership and keys. All members agree on it once they have caught up. */
  get epoch(): bigint {
    return this.#parts.context.group.epoch;
  }

  /** The members, this agent included while it is one, as far as is known here. */
  get members(): readonly ChannelMember[] {
    const { group } = this.#parts.context;
    const { members } = group;
    return (this.#removal === undefined ? members : members.filter(({ leaf }) => leaf !== group.ownLeaf)).map(memberOf);
  }

  /**
   * A number that two members compare over another medium, such as a call: 12 groups of 5 digits. Equal numbers in one {@link Channel.epoch}
   * prove that both see the same members with the same signature keys, and that nobody stands between them. It changes with every change of
   * members or keys, so compare the epoch too.
   *
   * @throws what the channel ended with
   */
  safetyNumber(): string {
    this.#checkActive();
    return safetyNumberOf(this.#parts.context.group.epochAuthenticator);
  }

  /** Whether messages are received and can be sent: the channel isn't closed, and this agent hasn't been removed. */
  get isActive(): boolean {
    return this.#parts.context.position.ended === undefined;
  }

  /** Whether there is a connection to the relay now. */
  get connected(): boolean {
    return this.#parts.context.connection.isUp;
  }

  /**
   * Resolves when everything is applied that the relay had.
   *
   * @throws what the channel ended with; ChannelError `inbox_full`; TransportError `connection_error`, `timeout`; the signal's reason
   */
  async caughtUp(options?: WaitOptions): Promise<void> {
    await this.#wait(options, "the channel is not read to its end", (signal) => this.#parts.context.position.whenCaughtUp(signal));
  }

  /**
   * Adds an agent, by a key package of `SkytaleClient.generateKeyPackage`. Gives the welcome, which it joins with.
   *
   * The key package must have come from that agent unchanged: its author becomes the member.
   *
   * @throws MlsError `invalid_key_package`; ChannelError `already_member`, `identity_taken`, `limit_reached`, `contended`, `inbox_full`,
   *   `removed`; TransportError; AuthError; the signal's reason
   */
  addMember(keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array> {
    return this.addMembers([keyPackage], options);
  }

  /**
   * {@link Channel.addMember} several agents in one change, which costs no more than one. All join with the same welcome.
   */
  async addMembers(keyPackages: readonly Uint8Array[], options: AddMemberOptions = {}): Promise<Uint8Array> {
    const { context, allowSameIdentity } = this.#parts;
    const { timeoutMs, signal } = readWait(options, context.connection.timeoutMs, ["allowSameIdentity"]);
    if (keyPackages.length === 0) throw new TypeError("There must be a key package");
    for (const bytes of keyPackages) checkKeyPackage(bytes);
    const holders = keyPackages.map(holderOf).filter((holder) => holder !== undefined);
    const { group } = context;
    const { welcome, sequence } = await this.#change({ timeoutMs, ...(signal && { signal }) }, () => {
      if (group.members.some((member) => holders.some(({ signatureKey }) => isEqual(signatureKey, member.signatureKey)))) {
        throw new ChannelError("already_member", `the agent to be added is a member of ${this.name} already`);
      }
      // Where the client doesn't allow it, the engine doesn't either.
      if (!allowSameIdentity || options.allowSameIdentity === false) checkIdentitiesFree(this.name, group.members, holders);
      return { add: keyPackages };
    });
    if (welcome === undefined) throw new ChannelError("channel_error", "the commit brought no Welcome");
    return encodeWelcome({ channel: this.name, from: sequence + 1, welcome });
  }

  /**
   * Removes one member: of {@link Channel.members}, by its signature key, or by an identity that no other member has. When this resolves,
   * it can read nothing that is sent from then on. Nothing happens when it has gone already.
   *
   * @throws ChannelError `not_found` (no member has that identity), `identity_ambiguous` (several members have it: give one of
   *   {@link Channel.members}), `bad_request` (that is this agent itself: see {@link Channel.leave}), `contended`, `inbox_full`, `removed`;
   *   TransportError; AuthError; TypeError; the signal's reason
   */
  async removeMember(member: MemberName, options?: WaitOptions): Promise<void> {
    const { group, connection } = this.#parts.context;
    readWait(options, connection.timeoutMs);
    this.#checkActive();
    const key = this.keyOf(member);
    const find = (): MlsMember | undefined => group.members.find(({ signatureKey }) => isEqual(signatureKey, key));
    if (find()?.leaf === group.ownLeaf) {
      throw new ChannelError("bad_request", `an agent can't remove itself from ${this.name}; it can leave`);
    }
    await this.#tryChange(options, () => {
      const found = find();
      return found && { remove: [found.leaf] };
    });
  }

  /** The signature key of the one member that a name stands for. @internal */
  keyOf(member: MemberName): Uint8Array {
    return keyOfMember(this.name, this.#parts.context.group.members, member);
  }

  /** Changes this agent's keys, so that whoever has got hold of the old ones can read nothing new. @throws as {@link Channel.addMember} */
  async rotateKey(options?: WaitOptions): Promise<void> {
    await this.#tryChange(options, () => ({ update: true }));
  }

  /**
   * Sends a message to all members. Resolves once the relay has it for good, with its place in the channel's log. Messages are recorded in
   * the order of the calls.
   *
   * While the channel is open, the message is sent across losses of the link, once. When the process dies before this resolves, it may
   * have been sent or not; with an `id`, sending it again after the restart makes sure of it, once too.
   *
   * While the inbox is full the channel isn't read on, and how many epochs the log has gone on is the relay's word: it could have a message
   * recorded too late to be read, as it could drop it. `inbox_full` says that it was, or may have been; sent again when there is room, with
   * an `id` to be on the safe side, it gets through.
   *
   * @throws TransportError `connection_error` (`offline: "fail"`), `closed`; ChannelError `inbox_full`, `removed`, `leaving`,
   *   `limit_reached` (too much waits already), `bad_request` (too large for the relay); AuthError; TypeError; the signal's reason
   */
  async send(data: Uint8Array, options?: SendOptions): Promise<Sent> {
    if (!(data instanceof Uint8Array)) throw new TypeError(describeNonBytes(data, "a Uint8Array"));
    this.#checkActive();
    if (this.#maintenance.isLeaving) throw new ChannelError("leaving", `this agent has asked to leave ${this.name}`);
    const checked = readSend(options, this.#parts.context.connection.timeoutMs);
    return this.#attempt(checked.signal, () => this.#outbound.send(data, checked));
  }

  /**
   * The messages of the other members, in the order of the log. One iteration at a time; another one goes on where the last one ended.
   *
   * A message is taken when the next one is asked for, or the iteration ends: from then on it is not kept any more. What was not taken
   * comes again after a restart, and so may, after a crash, the last ones taken: `id` tells.
   *
   * What isn't taken waits: up to the inbox's limits here, and beyond them on the relay. The channel isn't read on then, and the group
   * can't be changed.
   *
   * The iteration ends when the channel is closed or this agent has left.
   *
   * @throws when the channel ended otherwise, after the last message: ChannelError `removed`, `channel_error`; AuthError;
   *   TransportError `listener_died`.
   *   TypeError: there is an iteration already, or the channel was opened without an inbox.
   */
  messages(): AsyncIterableIterator<ChannelMessage, undefined> {
    if (this.#inbox === undefined) throw new TypeError("The channel was opened with receive: false");
    return this.#inbox.iterate();
  }

  /**
   * Asks the other members to let this agent go. Resolves when that is recorded: nothing can be sent any more, and the iteration of messages
   * ends when one of them has done it, which takes somebody online. A last member just goes.
   *
   * @throws TransportError; AuthError; ChannelError; the signal's reason
   */
  async leave(options?: WaitOptions): Promise<void> {
    const { group, connection } = this.#parts.context;
    readWait(options, connection.timeoutMs);
    this.#checkActive();
    if (group.members.length === 1) {
      await closeAll(
        () => this.close(),
        () => this.#parts.forget(),
      );
      return;
    }
    await this.#wait(options, "the request to leave is repeated when the connection is back", (signal) => this.#maintenance.leave(signal));
  }

  /** Stops receiving and sending. Keys stay: `openChannel` goes on. What waits to be sent is rejected. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For who takes several messages at once; `undefined` when they aren't kept. @internal */
  get inbox(): Inbox | undefined {
    return this.#inbox;
  }

  /**
   * Where this agent has asked to leave: resolves when that is done, and the channel is active no more. At once where it hasn't asked.
   *
   * @throws ChannelError `leaving`: nobody has let it go within some seconds; `inbox_full`; the signal's reason
   * @internal
   */
  async whenLeft(signal?: AbortSignal): Promise<void> {
    if (!this.isActive || !this.#maintenance.isLeaving) return;
    const timeout = signalWithin(LEAVING_MS);
    try {
      await this.#parts.context.position.whenEnded(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    } catch (error) {
      if (!this.isActive) return;
      if (signal?.aborted === true || !timeout.aborted) throw error;
      throw new ChannelError(
        "leaving",
        "this agent has asked to leave the channel, and no member has let it go yet; join again after that",
      );
    }
  }

  /**
   * Asks the relay where the log ends now: the sequence of the entry that comes next. Everything that the relay has acknowledged to its
   * senders is before it.
   *
   * @throws RelayError; the signal's reason
   * @internal
   */
  async logEnd(signal: AbortSignal): Promise<number> {
    const { relay, name } = this.#parts.context;
    const [head] = await relay.heads([name], { signal });
    return head?.next ?? 1;
  }

  /** Positions in the log, and the connection that it is read over. @internal */
  get position(): LogPosition {
    return this.#parts.context.position;
  }

  /** Whether it has ended since its data could not be written. Opened again, it goes on. @internal */
  get hasStorageFailed(): boolean {
    const { ended } = this.#parts.context.position;
    return ended instanceof ChannelError && ended.code === "storage_failed";
  }

  /** The link to the relay is up. @internal */
  linkUp(): void {
    this.#parts.context.position.linkUp();
  }

  /** The link is lost. @internal */
  linkDown(): void {
    this.#parts.context.position.linkDown();
    this.#inbound.linkLost();
    this.#outbound.linkLost();
  }

  async #close(): Promise<void> {
    const { context, close, onClosed } = this.#parts;
    const reason = new TransportError("closed", `the channel ${this.name} is closed`);
    close(reason);
    this.#maintenance.close();
    this.#stopAll(reason);
    const inboxClosed = this.#inbox?.close();
    await closeAll(
      () => this.#inbound.stop(),
      () => inboxClosed,
      () => context.group.close(),
      onClosed,
    );
  }

  #stopAll(reason: Error): void {
    this.#parts.context.position.end(reason);
    this.#outbound.fail(reason);
  }

  #caughtUp(): void {
    this.#parts.context.events.onCaughtUp?.(this.name);
    this.#maintenance.caughtUp();
  }

  #committed(commit: CommitMessage, entry: RelayMessage): void {
    const { committer, added, removed } = commit.changes;
    if (commit.isOwn) this.#changes.applied(entry.payload, entry.sequence);
    const list = (members: readonly MlsMember[]): ChannelMember[] => members.map(memberOf);
    const changes = { epoch: commit.epoch, by: memberOf(committer), added: list(added), removed: list(removed) };
    if (commit.isRemoved) this.#removal = new ChannelError("removed", `this agent was removed from the channel ${this.name}`);
    else this.#maintenance.committed();
    this.#parts.context.events.onMembersChanged?.(this.name, changes);
  }

  /** Nothing is received any more. */
  #ended(thrown: unknown): void {
    const { context } = this.#parts;
    if (context.closed.aborted || !this.isActive) return;
    const reason =
      thrown === undefined
        ? (this.#removal ?? new TransportError("closed", "the client is closed"))
        : deathBy(toChannelError(thrown, this.name));
    this.#maintenance.close();
    this.#stopAll(reason);
    const hasLeft = this.#removal !== undefined && this.#maintenance.isLeaving;
    this.#inbox?.end(hasLeft ? undefined : reason);
    if (!hasLeft) context.events.onError?.(this.name, reason);
  }

  /** @throws what the channel ended with */
  #checkActive(): void {
    const { ended } = this.#parts.context.position;
    if (ended !== undefined) throw ended;
  }

  async #change(options: WaitOptions | undefined, request: Parameters<GroupChanges["change"]>[0]): Promise<AppliedCommit> {
    const won = await this.#tryChange(options, request);
    if (won === undefined) throw new ChannelError("channel_error", "there was nothing to change");
    return won;
  }

  #tryChange(options: WaitOptions | undefined, request: Parameters<GroupChanges["change"]>[0]): Promise<AppliedCommit | undefined> {
    return this.#wait(options, "the change may still be made later", (signal) => this.#changes.change(request, signal));
  }

  /** Runs something within the time that the caller allows. @param effect what it means when that is over. */
  #wait<T>(options: WaitOptions | undefined, effect: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { connection } = this.#parts.context;
    const { timeoutMs, signal } = readWait(options, connection.timeoutMs);
    const onTimeout = (): Error => connection.timedOut(timeoutMs, effect);
    return this.#attempt(signal, () => runWithin({ signals: [signal], timeoutMs, onTimeout }, run));
  }

  /** Runs something, and sees to it that what it throws is what is promised. */
  async #attempt<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const { failure } = this.#parts.context.group;
      if (failure !== undefined) this.#ended(failure);
      const { ended } = this.#parts.context.position;
      throw signal?.aborted === true || ended === undefined ? channelErrorUnlessAborted(error, this.name, signal) : ended;
    }
  }
}

/** What a channel ends with that is read no more. */
function deathBy(error: Error): Error {
  if (error instanceof AuthError || error instanceof ChannelError) return error;
  return new TransportError("listener_died", `the channel is read no more: ${error.message}`, { cause: error });
}

/** @throws MlsError `invalid_key_package` */
function checkKeyPackage(keyPackage: Uint8Array): void {
  if (keyPackage instanceof Uint8Array) return;
  throw new MlsError(
    "invalid_key_package",
    "a key package is a Uint8Array, as generateKeyPackage() or keyPackage() of the other agent gives it",
  );
}
