import { closeAll, runWithin, signalWithin } from "@parley/core/internal";
import type { Envelope } from "@parley/envelope-and-adapters";
import type { CommitMessage, MlsMember } from "@parley/mls-engine";
import type { RelayMessage } from "@parley/skytale-relay";
import { type ChannelTelemetry, serializeTraced } from "../channel-telemetry.ts";
import type { ChannelLimits } from "../client-options.ts";
import { AuthError, ChannelError, MlsError, TransportError } from "../errors.ts";
import { channelErrorUnlessAborted, toChannelError } from "../error-mapping.ts";
import { holderOf } from "../invites/key-package-holder.ts";
import { type AddMemberOptions, readWait, type RemoveMemberOptions, type WaitOptions } from "../wait-options.ts";
import { encodeWelcome } from "../welcome-bundle.ts";
import type { Channel } from "./channel.ts";
import type { ChannelContext } from "./channel-context.ts";
import { checkIdentitiesFree } from "./check-identities-free.ts";
import { LogReader } from "./log-reader.ts";
import { Inbox } from "./inbox.ts";
import { type ChannelMember, isEqual, keyOfMember, type MemberName, memberOf } from "./channel-member.ts";
import type { LogPosition } from "./log-position.ts";
import { describeNonBytes } from "./describe-non-bytes.ts";
import { GroupChanges, type AppliedCommit } from "./group-changes.ts";
import type { ChannelMessage } from "./channel-message.ts";
import { SendQueue } from "./send-queue.ts";
import { readSend, type SendOptions, type Sent } from "./send-options.ts";
import { safetyNumberOf } from "./safety-number.ts";
import { GroupMaintenance } from "./group-maintenance.ts";

/** Constructor parameters of {@link GroupChannel}. */
export interface GroupChannelOptions {
  readonly context: ChannelContext;
  readonly limits: ChannelLimits;
  /** Whether received messages are stored in an inbox. */
  readonly keepsMessages: boolean;
  /** Whether an agent can be added whose identity another member has. */
  readonly allowSameIdentity: boolean;
  /** Fires {@link ChannelContext.closed}. */
  readonly close: (reason: Error) => void;
  /**
   * Finds the grants of the account that a member was added with. The returned function revokes them.
   *
   * @throws ChannelError `not_found` if another account owns the channel, or no grant names the member
   */
  readonly findWithdrawal: (key: Uint8Array, signal: AbortSignal | undefined) => Promise<() => Promise<void>>;
  /** Erases the group and its rows from the store. */
  readonly forget: () => Promise<void>;
  readonly onClosed: () => void;
}

/** How long an agent that joins again waits until its request to leave is committed, in milliseconds. */
const LEAVING_MS = 5000;

/**
 * The implementation of {@link Channel}: wires the parts that read the log, send messages and change the group, and ends them together.
 *
 * Created by `Agent`. Members that {@link Channel} lacks are called by `Agent` and by the manager.
 */
export class GroupChannel implements Channel {
  readonly name: string;
  readonly #options: GroupChannelOptions;
  readonly #inbox: Inbox | undefined;
  readonly #logReader: LogReader;
  readonly #sendQueue: SendQueue;
  readonly #changes: GroupChanges;
  readonly #maintenance: GroupMaintenance;
  #removal: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: GroupChannelOptions) {
    const { context, limits, keepsMessages } = options;
    this.name = context.name;
    this.#options = options;
    this.#inbox = keepsMessages ? new Inbox(context.group, limits, (error) => this.#ended(error), context.audit) : undefined;
    this.#changes = new GroupChanges(context);
    this.#maintenance = new GroupMaintenance(context, this.#changes);
    this.#sendQueue = new SendQueue(context, limits, {
      commitProposals: () => this.#maintenance.commitProposals(),
      replaceKeys: () => this.#maintenance.replaceKeys(),
    });
    this.#logReader = new LogReader(context, this.#inbox, {
      claimOwn: (entry) => this.#sendQueue.claimOwn(entry),
      evicted: (first, next) => this.#sendQueue.evicted(first, next),
      rewound: () => this.#sendQueue.forgetUnconfirmed(),
      committed: (commit, entry) => this.#committed(commit, entry),
      doubtful: (sequence) => this.#changes.doubt(sequence),
      proposed: () => this.#maintenance.proposed(),
      caughtUp: () => this.#caughtUp(),
      ended: (error) => this.#ended(error),
    });
    this.#logReader.start();
  }

  get epoch(): bigint {
    return this.#options.context.group.epoch;
  }

  get members(): readonly ChannelMember[] {
    const { group } = this.#options.context;
    const { members } = group;
    return (this.#removal === undefined ? members : members.filter(({ leaf }) => leaf !== group.ownLeaf)).map(memberOf);
  }

  safetyNumber(): string {
    this.#checkActive();
    return safetyNumberOf(this.#options.context.group.epochAuthenticator);
  }

  get isActive(): boolean {
    return this.#options.context.position.ended === undefined;
  }

  get connected(): boolean {
    return this.#options.context.connection.isUp;
  }

  async caughtUp(options?: WaitOptions): Promise<void> {
    await this.#wait(options, "the end of the log was not reached", (signal) => this.#options.context.position.whenCaughtUp(signal));
  }

  addMember(keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array> {
    return this.addMembers([keyPackage], options);
  }

  async addMembers(keyPackages: readonly Uint8Array[], options: AddMemberOptions = {}): Promise<Uint8Array> {
    const { context, allowSameIdentity } = this.#options;
    const { timeoutMs, signal } = readWait(options, context.connection.timeoutMs, ["allowSameIdentity"]);
    if (keyPackages.length === 0) throw new TypeError("addMembers requires at least one key package");
    for (const bytes of keyPackages) checkKeyPackage(bytes);
    const holders = keyPackages.map(holderOf).filter((holder) => holder !== undefined);
    const { group } = context;
    const { welcome, sequence } = await this.#change({ timeoutMs, ...(signal && { signal }) }, () => {
      if (group.members.some((member) => holders.some(({ signatureKey }) => isEqual(signatureKey, member.signatureKey)))) {
        throw new ChannelError("already_member", `the agent is already a member of ${this.name}`);
      }
      // The engine enforces the client's option as well, so a call can only be stricter.
      if (!allowSameIdentity || options.allowSameIdentity === false) checkIdentitiesFree(this.name, group.members, holders);
      return { add: keyPackages };
    });
    if (welcome === undefined) throw new ChannelError("channel_error", "the commit that adds members has no Welcome");
    return encodeWelcome({ channel: this.name, from: sequence + 1, welcome });
  }

  async removeMember(member: MemberName, given?: RemoveMemberOptions): Promise<void> {
    const { group, connection } = this.#options.context;
    readWait(given, connection.timeoutMs, ["withdraw"]);
    const { withdraw = false, ...options } = given ?? {};
    this.#checkActive();
    const key = this.keyOf(member);
    const find = (): MlsMember | undefined => group.members.find(({ signatureKey }) => isEqual(signatureKey, key));
    if (find()?.leaf === group.ownLeaf) {
      throw new ChannelError("bad_request", `an agent cannot remove itself from ${this.name}: call leave() instead`);
    }
    const withdrawGrants = withdraw ? await this.#options.findWithdrawal(key, options.signal) : undefined;
    await this.#tryChange(options, () => {
      const found = find();
      return found && { remove: [found.leaf] };
    });
    await withdrawGrants?.();
  }

  /** The signature key of the member that `member` selects. @throws ChannelError `not_found`, `identity_ambiguous` */
  keyOf(member: MemberName): Uint8Array {
    return keyOfMember(this.name, this.#options.context.group.members, member);
  }

  async rotateKey(options?: WaitOptions): Promise<void> {
    await this.#tryChange(options, () => ({ update: true }));
  }

  async send(data: Uint8Array, options?: SendOptions): Promise<Sent> {
    if (!(data instanceof Uint8Array)) throw new TypeError(describeNonBytes(data, "a Uint8Array"));
    const { telemetry } = this.#options.context;
    return telemetry === undefined ? this.#send(data, options) : telemetry.send(() => this.#send(data, options));
  }

  /** Sends an envelope, which then carries the context of its trace. */
  async sendEnvelope(envelope: Envelope, options?: SendOptions): Promise<Sent> {
    const { telemetry } = this.#options.context;
    if (telemetry === undefined) return this.#send(envelope.serialize(), options);
    return telemetry.send(async (context) => this.#send(serializeTraced(envelope, context), options));
  }

  /** @throws as {@link Channel.send}, also before it returns a promise */
  #send(data: Uint8Array, options: SendOptions | undefined): Promise<Sent> {
    this.#checkActive();
    if (this.#maintenance.isLeaving) throw new ChannelError("leaving", `this agent has already asked to leave ${this.name}`);
    const checked = readSend(options, this.#options.context.connection.timeoutMs);
    return this.#attempt(checked.signal, () => this.#sendQueue.send(data, checked));
  }

  messages(): AsyncIterableIterator<ChannelMessage, undefined> {
    if (this.#inbox === undefined) throw new TypeError("The channel was opened with receive: false");
    return this.#inbox.iterate();
  }

  async leave(options?: WaitOptions): Promise<void> {
    const { group, connection } = this.#options.context;
    readWait(options, connection.timeoutMs);
    this.#checkActive();
    if (group.members.length === 1) {
      await closeAll(
        () => this.close(),
        () => this.#options.forget(),
      );
      return;
    }
    await this.#wait(options, "the request to leave is repeated after a reconnect", (signal) => this.#maintenance.leave(signal));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For callers that take several messages at once; `undefined` if the channel was opened with `receive: false`. */
  get telemetry(): ChannelTelemetry | undefined {
    return this.#options.context.telemetry;
  }

  get inbox(): Inbox | undefined {
    return this.#inbox;
  }

  /**
   * If this agent has asked to leave, resolves when the removal is committed; otherwise immediately. Called before the agent joins again.
   *
   * @throws ChannelError `leaving` if no member commits the removal within {@link LEAVING_MS}; `inbox_full`; the signal's reason
   */
  async whenLeft(signal?: AbortSignal): Promise<void> {
    if (!this.isActive || !this.#maintenance.isLeaving) return;
    const timeout = signalWithin(LEAVING_MS);
    try {
      await this.#options.context.position.whenEnded(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    } catch (error) {
      if (!this.isActive) return;
      if (signal?.aborted === true || !timeout.aborted) throw error;
      throw new ChannelError("leaving", "no online member has committed this agent's request to leave yet; join again after that");
    }
  }

  /**
   * The sequence number that the relay gives to the next entry. Every message acknowledged to its sender before this call is below it.
   *
   * @throws RelayError; the signal's reason
   */
  async logEnd(signal: AbortSignal): Promise<number> {
    const { relay, name } = this.#options.context;
    const [head] = await relay.heads([name], { signal });
    return head?.next ?? 1;
  }

  async *exportAudit(): AsyncGenerator<string, void> {
    this.#checkActive();
    const audit = this.#options.context.audit;
    const lines = await this.#attempt(undefined, async () => audit?.export());
    if (lines === undefined)
      throw new ChannelError(
        "audit_off",
        `this agent has no audit chain of ${this.name}: set the option audit, and send or receive a message`,
      );
    yield* lines;
  }

  /** How far the log is applied. */
  get position(): LogPosition {
    return this.#options.context.position;
  }

  /** Whether the channel ended because a write failed. Opening it again resumes it. */
  get hasStorageFailed(): boolean {
    const { ended } = this.#options.context.position;
    return ended instanceof ChannelError && ended.code === "storage_failed";
  }

  /** Called by `Agent` when the relay connection opens. */
  connectionUp(): void {
    this.#options.context.position.connectionUp();
  }

  /** Called by `Agent` when the relay connection is lost or could not be opened. */
  connectionLost(): void {
    this.#options.context.position.connectionLost();
    this.#logReader.connectionLost();
    this.#sendQueue.connectionLost();
  }

  async #close(): Promise<void> {
    const { context, close, onClosed } = this.#options;
    const reason = new TransportError("closed", `the channel ${this.name} is closed`);
    close(reason);
    this.#maintenance.close();
    this.#stopAll(reason);
    const inboxClosed = this.#inbox?.close();
    await closeAll(
      () => this.#logReader.stop(),
      () => inboxClosed,
      () => context.group.close(),
      onClosed,
    );
  }

  #stopAll(reason: Error): void {
    this.#options.context.position.end(reason);
    this.#sendQueue.fail(reason);
  }

  #caughtUp(): void {
    this.#options.context.events.onCaughtUp?.(this.name);
    this.#maintenance.caughtUp();
  }

  #committed(commit: CommitMessage, entry: RelayMessage): void {
    const { committer, added, removed } = commit.changes;
    if (commit.isOwn) this.#changes.applied(entry.payload, entry.sequence);
    const list = (members: readonly MlsMember[]): ChannelMember[] => members.map(memberOf);
    const changes = { epoch: commit.epoch, by: memberOf(committer), added: list(added), removed: list(removed) };
    if (commit.isRemoved) this.#removal = new ChannelError("removed", `this agent was removed from the channel ${this.name}`);
    else this.#maintenance.committed();
    this.#options.context.events.onMembersChanged?.(this.name, changes);
  }

  /** Reading the log ended: with an error, or without one if the channel was closed or this agent was removed. */
  #ended(thrown: unknown): void {
    const { context } = this.#options;
    if (context.closed.aborted || !this.isActive) return;
    const reason =
      thrown === undefined
        ? (this.#removal ?? new TransportError("closed", "the client is closed"))
        : readingEnded(toChannelError(thrown, this.name));
    this.#maintenance.close();
    this.#stopAll(reason);
    const hasLeft = this.#removal !== undefined && this.#maintenance.isLeaving;
    this.#inbox?.end(hasLeft ? undefined : reason);
    if (!hasLeft) context.events.onError?.(this.name, reason);
  }

  /** @throws the error that the channel ended with */
  #checkActive(): void {
    const { ended } = this.#options.context.position;
    if (ended !== undefined) throw ended;
  }

  async #change(options: WaitOptions | undefined, request: Parameters<GroupChanges["change"]>[0]): Promise<AppliedCommit> {
    const won = await this.#tryChange(options, request);
    if (won === undefined) throw new ChannelError("channel_error", "the request contains no change");
    return won;
  }

  #tryChange(options: WaitOptions | undefined, request: Parameters<GroupChanges["change"]>[0]): Promise<AppliedCommit | undefined> {
    return this.#wait(options, "the change may still take effect later", (signal) => this.#changes.change(request, signal));
  }

  /** Runs `run` within the caller's timeout. @param effect the consequence of a timeout, for the error message. */
  #wait<T>(options: WaitOptions | undefined, effect: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { connection } = this.#options.context;
    const { timeoutMs, signal } = readWait(options, connection.timeoutMs);
    const onTimeout = (): Error => connection.timedOut(timeoutMs, effect);
    return this.#attempt(signal, () => runWithin({ signals: [signal], timeoutMs, onTimeout }, run));
  }

  /** Runs `run` and maps its errors to those of {@link Channel}. */
  async #attempt<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const { failure } = this.#options.context.group;
      if (failure !== undefined) this.#ended(failure);
      const { ended } = this.#options.context.position;
      throw signal?.aborted === true || ended === undefined ? channelErrorUnlessAborted(error, this.name, signal) : ended;
    }
  }
}

/** The error that a channel ends with after its log could not be read. */
function readingEnded(error: Error): Error {
  if (error instanceof AuthError || error instanceof ChannelError) return error;
  return new TransportError("listener_died", `reading the channel failed: ${error.message}`, { cause: error });
}

/** @throws MlsError `invalid_key_package` */
function checkKeyPackage(keyPackage: Uint8Array): void {
  if (keyPackage instanceof Uint8Array) return;
  throw new MlsError(
    "invalid_key_package",
    "A key package must be a Uint8Array: the result of generateKeyPackage() or keyPackage() of the agent to be added",
  );
}
