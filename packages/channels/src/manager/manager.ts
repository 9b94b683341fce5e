import { closeAll, closeQuietly, closeTogether, rejectUnknownOptions } from "@parley/core/internal";
import type { Envelope, EnvelopeChannels, EnvelopePort } from "@parley/envelope-and-adapters";
import type { GroupChannel } from "../channel/group-channel.ts";
import type { ChannelMember, MemberName } from "../channel/channel-member.ts";
import type { ChannelMessage } from "../channel/channel-message.ts";
import { describeNonBytes } from "../channel/describe-non-bytes.ts";
import type { SendOptions, Sent } from "../channel/send-options.ts";
import { checkEnvelope } from "@parley/envelope-and-adapters/internal";
import { checkChannelName } from "../channel-name.ts";
import { Agent } from "../agent.ts";
import type { ChannelOptions, CreateChannelOptions, JoinChannelOptions } from "../client-options.ts";
import { ChannelError, TransportError } from "../errors.ts";
import type { SkytaleClientEvents } from "../client-events.ts";
import { guardedListeners } from "../guarded-listeners.ts";
import { type DataDir, dataDirOf } from "./data-dir.ts";
import { printWarning } from "../print-warning.ts";
import { envelopeOf } from "./received-envelope.ts";
import { ChannelInvites } from "./channel-invites.ts";
import { ManagedChannel, type ReceiveOptions } from "./managed-channel.ts";
import type { AddMemberOptions, WaitOptions } from "../wait-options.ts";
import { GrantComparison } from "./grant-comparison.ts";
import { ChannelGrants, type RemoveMemberOptions } from "./channel-grants.ts";
import type { InviteOptions, JoinWithTokenOptions } from "./invite-options.ts";
import { StorageRecovery } from "./storage-recovery.ts";
import { agentOptionsOf, type SkytaleChannelManagerOptions } from "./manager-options.ts";

const NO_DATA_DIR: DataDir = { path: "", remove: () => Promise.resolve() };
const encoder = new TextEncoder();

/**
 * Channels by their names, for agents that take their messages when it suits them: what arrives meanwhile waits, on disk. Invites let
 * others in without a hand-over of key packages.
 *
 * It is also the `EnvelopeChannels` of the adapters for A2A, MCP and SLIM: `create`, `join` and `open` give the channel as a port, which
 * who sends and receives here needs not.
 *
 * @example
 * ```ts
 * import { SkytaleChannelManager } from "@parley/channels";
 *
 * const account = { endpoint: "https://relay.example:5000", apiUrl: "https://api.example", apiKey: "sk_live_…" };
 * await using alice = new SkytaleChannelManager({ ...account, identity: "alice", dataDir: "/var/lib/alice" });
 * await using bob = new SkytaleChannelManager({ ...account, identity: "bob", dataDir: "/var/lib/bob" });
 *
 * await alice.create("acme/team/general");
 * await bob.joinWithToken("acme/team/general", await alice.invite("acme/team/general"));
 * await alice.send("acme/team/general", "Hello from Alice!");
 * console.log(await bob.receive("acme/team/general"));
 * ```
 */
export class SkytaleChannelManager implements EnvelopeChannels, AsyncDisposable {
  readonly #dataDir: DataDir;
  readonly #agent: Agent;
  readonly #invites: ChannelInvites;
  readonly #grants: ChannelGrants;
  readonly #comparisons: GrantComparison;
  /** There is an API server that knows grants. */
  readonly #comparesGrants: boolean;
  readonly #channels = new Map<string, ManagedChannel>();
  /** Channels of which this manager removes a member now: grants and members are compared when it has. */
  readonly #removing = new Set<string>();
  readonly #recovery = new StorageRecovery(async (name) => {
    if (this.#channels.has(name)) await this.#usable(name);
  });
  #closing: Promise<void> | undefined;

  /**
   * Nothing is opened or connected yet: that happens with the first call.
   *
   * @throws TypeError for options that make no sense
   */
  constructor(options: SkytaleChannelManagerOptions) {
    const own = agentOptionsOf(options);
    const listeners = guardedListeners(options);
    this.#dataDir = options.store === undefined ? dataDirOf(options.dataDir, listeners.onWarning) : NO_DATA_DIR;
    const events: Partial<SkytaleClientEvents> = {
      ...listeners.events,
      onMembersChanged: (channel, changes) => {
        this.#invites.membersChanged(channel, changes);
        listeners.events.onMembersChanged?.(channel, changes);
        if (!this.#removing.has(channel)) this.#compareGrants(channel);
      },
      onCaughtUp: (channel) => {
        listeners.events.onCaughtUp?.(channel);
        this.#compareGrants(channel);
      },
      onError: (channel, error) => {
        listeners.events.onError?.(channel, error);
        if (this.#channels.get(channel)?.channel.hasStorageFailed === true) this.#recovery.failed(channel);
      },
    };
    this.#agent = new Agent({ ...own, ...listeners, events, dataDir: this.#dataDir.path });
    this.#invites = new ChannelInvites(this.#agent, { ...options, ...listeners });
    this.#grants = new ChannelGrants(() => this.#invites.api());
    this.#comparisons = new GrantComparison({
      compare: (channel) => this.#grants.compare(channel),
      report: ({ name }, difference) => {
        const accounts = difference.accountsWithoutMember.join(", ");
        (listeners.onWarning ?? printWarning)(
          `accounts without a member may still use ${name}, until their grants are withdrawn: ${accounts}`,
        );
        listeners.events.onGrantsDiffer?.(name, difference);
      },
    });
    this.#comparesGrants = options.apiKey !== undefined;
  }

  /** Whether there is a connection to the relay now. It is opened by the first call that needs it. */
  get connected(): boolean {
    return this.#agent.connection.isUp;
  }

  /** Resolves when there is a connection to the relay. @throws AuthError; TransportError `connection_error`; the signal's reason */
  connect(options?: WaitOptions): Promise<void> {
    return this.#agent.connect(options);
  }

  /**
   * Creates a channel, with this agent as its first member. A call whose answer was lost can be repeated.
   *
   * @throws ChannelError `bad_request` (`invalid channel name: …`), `channel_exists`, `org_taken`, `limit_reached`; AuthError;
   *   TransportError `connection_error`, `timeout`; the signal's reason
   */
  async create(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.createChannel(name, options));
  }

  /**
   * Opens a channel that this agent is a member of, or else creates it. For the one agent that a channel begins with: others that call it
   * get `channel_exists`, and join with a token.
   *
   * @throws as {@link SkytaleChannelManager.create}
   */
  async openOrCreate(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.openOrCreateChannel(name, options));
  }

  /**
   * Forgets a channel: erases its keys and messages here, and tells nobody. For a channel that can't be used any more, as after its server
   * has lost its data; {@link SkytaleChannelManager.leave} is the way out of one that is in use.
   */
  async forget(name: string): Promise<void> {
    const managed = this.#channels.get(name);
    this.#channels.delete(name);
    await managed?.close();
    await this.#agent.forgetChannel(name);
  }

  /**
   * Joins a channel with the welcome that a member's {@link SkytaleChannelManager.addMember} has given.
   *
   * @throws MlsError `invalid_welcome`; ChannelError `bad_request`, `channel_exists` (it is open here), `leaving`; the signal's reason
   */
  async join(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.joinChannel(name, welcome, options));
  }

  /**
   * Goes on with a channel that was created or joined before, as after a restart.
   *
   * @throws ChannelError `not_found` (this agent isn't a member), `removed`, `bad_request`; TransportError `closed`
   */
  async open(name: string, options?: ChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.openChannel(name, options));
  }

  /** A key package, by which a member of a channel lets this agent in. It works once. */
  keyPackage(): Promise<Uint8Array> {
    return this.#agent.generateKeyPackage();
  }

  /**
   * Adds an agent by its key package; gives the welcome that it joins with.
   *
   * @throws MlsError `invalid_key_package`; ChannelError `already_member`, `identity_taken`, `limit_reached`, `contended`, `inbox_full`,
   *   `removed`; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async addMember(name: string, keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array> {
    return (await this.#channel(name)).addMember(keyPackage, options);
  }

  /**
   * Removes one member: of `members`, by its signature key, or by an identity that no other member has. When this resolves, it can read
   * nothing that is sent from then on.
   *
   * With `withdraw`, its account may not use the channel any more either, nor may those that came by that account's invites.
   *
   * @throws ChannelError `not_found` (also with `withdraw` where the channel is another account's, or no grant names the member: then nothing
   *   is changed), `identity_ambiguous`, `bad_request` (this agent itself), `contended`, `inbox_full`, `removed`; TransportError
   *   `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async removeMember(name: string, member: MemberName, given?: RemoveMemberOptions): Promise<void> {
    rejectUnknownOptions(given, ["timeoutMs", "signal", "withdraw"]);
    const { withdraw = false, ...options } = given ?? {};
    const channel = await this.#channel(name);
    // One key for both steps: an identity may be another member's by the second.
    const one = { signatureKey: channel.keyOf(member) };
    this.#removing.add(name);
    try {
      const withdrawGrants = withdraw ? await this.#grants.findWithdrawal(channel, one, options.signal) : undefined;
      await channel.removeMember(one, options);
      await withdrawGrants?.();
    } finally {
      this.#removing.delete(name);
    }
    this.#compareGrants(name);
  }

  /**
   * A number that two members compare over another medium, such as a call: 12 groups of 5 digits, equal for all members in one epoch. See
   * `Channel.safetyNumber`.
   *
   * @throws ChannelError `not_found`; what the channel ended with
   */
  safetyNumber(name: string): string {
    return this.#managed(name).channel.safetyNumber();
  }

  /** The members of a channel, this agent included. @throws ChannelError `not_found` */
  members(name: string): readonly ChannelMember[] {
    return this.#managed(name).channel.members;
  }

  /**
   * Changes this agent's keys on a channel.
   *
   * @throws ChannelError `contended`, `inbox_full`, `removed`; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async rotateKey(name: string, options?: WaitOptions): Promise<void> {
    await (await this.#channel(name)).rotateKey(options);
  }

  /**
   * Asks the other members of a channel to remove this agent, which one that is online does. The last member just leaves.
   *
   * @throws ChannelError; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async leave(name: string, options?: WaitOptions): Promise<void> {
    await (await this.#channel(name)).leave(options);
  }

  /**
   * Sends a message to all other members; text as UTF-8. Resolves once the relay has recorded it.
   *
   * @throws TransportError `connection_error`, `timeout`: repeat the call with the same `id` to have the message recorded once; `closed`.
   *   ChannelError `not_found`, `inbox_full`, `removed`, `leaving`, `limit_reached`, `bad_request` (too large for the relay); AuthError;
   *   TypeError; the signal's reason
   */
  async send(name: string, message: string | Uint8Array, options?: SendOptions): Promise<Sent> {
    const channel = await this.#channel(name);
    if (typeof message === "string") return channel.send(encoder.encode(message), options);
    if (!(message instanceof Uint8Array)) throw new TypeError(describeNonBytes(message, "a string or a Uint8Array"));
    return channel.send(message, options);
  }

  /**
   * Takes all messages that wait, as text. Waits for a first one if there is none; empty after the timeout. What isn't UTF-8 has U+FFFD in
   * its places.
   *
   * Messages are kept until the next call for the same channel, or {@link SkytaleChannelManager.close}: those that were taken last come
   * again after a crash.
   *
   * @throws what the channel ended with, once all has been taken: ChannelError `removed`, `log_lost`; AuthError; TransportError. ChannelError
   *   `not_found`; the signal's reason; TypeError: the timeout is no number of seconds, or the channel was opened with `receive: false`
   */
  async receive(name: string, options?: ReceiveOptions): Promise<string[]> {
    return (await this.receiveMessages(name, options)).map(({ text }) => text);
  }

  /**
   * As {@link SkytaleChannelManager.receive}, but for the last message only: older ones are let go. After a restart or a loss of the link,
   * the channel is read to the end of its log first, as far as the timeout allows; with a timeout of 0, it is the last that is here.
   * `undefined` after the timeout.
   */
  async receiveLatest(name: string, options?: ReceiveOptions): Promise<string | undefined> {
    const latest = await this.#managed(name).receiveLatest(options);
    return latest?.text;
  }

  /** As {@link SkytaleChannelManager.receive}, as bytes, with the sender of each and its place in the channel's log. */
  async receiveMessages(name: string, options?: ReceiveOptions): Promise<readonly ChannelMessage[]> {
    return (await this.#usable(name)).receive(options);
  }

  /** Sends an envelope to all other members. @throws as {@link SkytaleChannelManager.send}; EnvelopeError when it is too large */
  async sendEnvelope(name: string, envelope: Envelope, options?: SendOptions): Promise<Sent> {
    checkChannelName(name);
    return this.send(name, checkEnvelope(envelope).serialize(), options);
  }

  /** As {@link SkytaleChannelManager.receive}, as envelopes: what is none is the payload of one with `Protocol.RAW`. */
  async receiveEnvelopes(name: string, options?: ReceiveOptions): Promise<Envelope[]> {
    return (await this.receiveMessages(name, options)).map(envelopeOf);
  }

  /** Names of the channels that are open here, and that this agent is a member of. */
  listChannels(): string[] {
    return [...this.#channels].flatMap(([name, { channel }]) => (channel.isActive ? name : []));
  }

  /**
   * Makes an invite: a token `skt_inv_…`, by which others join with {@link SkytaleChannelManager.joinWithToken}. Whoever has it may join;
   * hand it over as you would a password. Any member that is online lets them in, also when this agent isn't.
   *
   * @throws ChannelError `not_found`, `bad_request` (more uses or a longer life than the server allows), `limit_reached`; AuthError
   *   `api_key_required`; TransportError; TypeError
   */
  async invite(name: string, options?: InviteOptions): Promise<string> {
    return this.#invites.invite(await this.#channel(name), options);
  }

  /** Ends an invite before its time. Who waits by it is refused. @throws InviteError; AuthError; ChannelError; TransportError */
  async revokeInvite(name: string, token: string): Promise<void> {
    await this.#invites.revoke(name, token);
  }

  /**
   * Joins a channel by an invite; a member that is online lets this agent in. Where it is a member already, this opens the channel.
   *
   * The request outlives the timeout, and this process: the same call goes on with it, and takes no other use of the invite.
   *
   * @throws ChannelError `leaving` (this agent has asked to leave, and no member has let it go yet); InviteError `invite_malformed`, `invite_unknown`, `invite_expired`, `invite_exhausted`, `invite_revoked`, `join_refused`,
   *   `join_expired`; TransportError `join_timeout`; AuthError `api_key_required`; MlsError `invalid_welcome`; the signal's reason
   */
  async joinWithToken(name: string, token: string, options?: JoinWithTokenOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#invites.join(name, token, options));
  }

  /** Stops receiving, sending and letting others in, and frees the data directory. Keys and what was not received stay. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#recovery.close();
    await closeAll(
      () => this.#comparisons.close(),
      () => this.#invites.close(),
      () => closeTogether(...Array.from(this.#channels.values(), (managed) => () => managed.close())),
      () => this.#invites.closeStore(),
      () => this.#agent.close(),
      () => this.#dataDir.remove(),
    );
  }

  async #channel(name: string): Promise<GroupChannel> {
    return (await this.#usable(name)).channel;
  }

  /** A channel that is open here. One whose data could not be written is opened again. */
  async #usable(name: string): Promise<ManagedChannel> {
    const { channel } = this.#managed(name);
    if (channel.hasStorageFailed && this.#closing === undefined) await this.open(name, { receive: channel.inbox !== undefined });
    return this.#managed(name);
  }

  /** For a channel of this account: finds accounts that may use it and have no member left. */
  #compareGrants(name: string): void {
    const channel = this.#channels.get(name)?.channel;
    if (channel !== undefined && this.#comparesGrants && this.#closing === undefined) this.#comparisons.soon(channel);
  }

  #managed(name: string): ManagedChannel {
    const managed = this.#channels.get(name);
    if (managed !== undefined) return managed;
    if (this.#closing !== undefined) throw new TransportError("closed", "the manager is closed");
    checkChannelName(name);
    throw new ChannelError("not_found", `the channel ${name} isn't open here: create, join or open it first`);
  }

  async #hold(channel: GroupChannel): Promise<EnvelopePort> {
    const workers = await this.#invites.workers();
    const existing = this.#channels.get(channel.name);
    if (existing?.channel === channel) return existing.port;
    const managed = new ManagedChannel(channel, workers?.(channel), existing);
    this.#channels.set(channel.name, managed);
    await closeQuietly(() => existing?.close());
    return managed.port;
  }
}
