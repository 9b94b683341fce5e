import { closeAll, closeQuietly, closeTogether } from "@parley/core/internal";
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
import type { AddMemberOptions, RemoveMemberOptions, WaitOptions } from "../wait-options.ts";
import { GrantComparison } from "./grant-comparison.ts";
import { ChannelGrants } from "../api/channel-grants.ts";
import type { InviteOptions, JoinWithTokenOptions } from "./invite-options.ts";
import { StorageRecovery } from "./storage-recovery.ts";
import { agentOptionsOf, type SkytaleChannelManagerOptions } from "./manager-options.ts";

const NO_DATA_DIR: DataDir = { path: "", remove: () => Promise.resolve() };
const encoder = new TextEncoder();

/**
 * An agent that receives when it calls `receive`, such as from a tool call: arriving messages are stored on disk until then. Channels are
 * addressed by name, and members are added with invite tokens.
 *
 * Implements the `EnvelopeChannels` of the adapters for A2A, MCP and SLIM: `create`, `join` and `open` return the channel as a port. Programs that
 * use `send` and `receive` of the manager can ignore it.
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
  /** Whether an API server is configured, which grants are compared with. */
  readonly #comparesGrants: boolean;
  readonly #channels = new Map<string, ManagedChannel>();
  /** Channels from which this manager is removing a member. Grants are compared afterwards. */
  readonly #removing = new Set<string>();
  readonly #recovery = new StorageRecovery(async (name) => {
    if (this.#channels.has(name)) await this.#usable(name);
  });
  #closing: Promise<void> | undefined;

  /**
   * Opens no file and no connection: the first call does.
   *
   * @throws TypeError for invalid options
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
          `accounts without a member have access to ${name} until their grants are withdrawn: ${accounts}`,
        );
        listeners.events.onGrantsDiffer?.(name, difference);
      },
    });
    this.#comparesGrants = options.apiKey !== undefined;
  }

  /** Whether the relay is connected. The first call that needs the connection opens it. */
  get connected(): boolean {
    return this.#agent.connection.isUp;
  }

  /** Resolves when the relay is connected. @throws AuthError; TransportError `connection_error`; the signal's reason */
  connect(options?: WaitOptions): Promise<void> {
    return this.#agent.connect(options);
  }

  /**
   * Creates a channel with this agent as its first member. Safe to repeat after a lost response.
   *
   * @throws ChannelError `bad_request` (`invalid channel name: …`), `channel_exists`, `org_taken`, `limit_reached`; AuthError;
   *   TransportError `connection_error`, `timeout`; the signal's reason
   */
  async create(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.createChannel(name, options));
  }

  /**
   * Opens a channel that this agent is a member of; creates the channel otherwise. For the agent that creates the channel: other agents get
   * `channel_exists`, and join with a token.
   *
   * @throws as {@link SkytaleChannelManager.create}
   */
  async openOrCreate(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.openOrCreateChannel(name, options));
  }

  /**
   * Erases the keys and messages of a channel from this agent's disk, without notifying the other members. Use this when the server has lost its
   * data. To leave a channel in use, call {@link SkytaleChannelManager.leave}.
   */
  async forget(name: string): Promise<void> {
    const managed = this.#channels.get(name);
    this.#channels.delete(name);
    await managed?.close();
    await this.#agent.forgetChannel(name);
  }

  /**
   * Joins a channel with the welcome that {@link SkytaleChannelManager.addMember} of a member returned.
   *
   * @throws MlsError `invalid_welcome`; ChannelError `bad_request`, `channel_exists` (it is open here), `leaving`; the signal's reason
   */
  async join(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.joinChannel(name, welcome, options));
  }

  /**
   * Reopens a channel that was created or joined before, such as after a restart.
   *
   * @throws ChannelError `not_found` (this agent isn't a member), `removed`, `bad_request`; TransportError `closed`
   */
  async open(name: string, options?: ChannelOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#agent.openChannel(name, options));
  }

  /** A key package, which a member passes to {@link SkytaleChannelManager.addMember} to add this agent. Single use. */
  keyPackage(): Promise<Uint8Array> {
    return this.#agent.generateKeyPackage();
  }

  /**
   * Adds an agent by its key package. Returns the welcome, which the agent passes to {@link SkytaleChannelManager.join}.
   *
   * @throws MlsError `invalid_key_package`; ChannelError `already_member`, `identity_taken`, `limit_reached`, `contended`, `inbox_full`,
   *   `removed`; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async addMember(name: string, keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array> {
    return (await this.#channel(name)).addMember(keyPackage, options);
  }

  /**
   * Removes one member, given as an element of `members`, by its signature key, or by an identity that no other member has. The member cannot
   * decrypt messages sent after this resolves.
   *
   * With `withdraw`, its account loses access to the channel, as do the accounts that joined with that account's invites.
   *
   * @throws ChannelError `not_found` (with `withdraw` also if another account owns the channel, or no grant names the member; the
   *   member is then not removed), `identity_ambiguous`, `bad_request` (this agent itself), `contended`, `inbox_full`, `removed`; TransportError
   *   `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async removeMember(name: string, member: MemberName, options?: RemoveMemberOptions): Promise<void> {
    const channel = await this.#channel(name);
    this.#removing.add(name);
    try {
      await channel.removeMember(member, options);
    } finally {
      this.#removing.delete(name);
    }
    this.#compareGrants(name);
  }

  /**
   * A number that two members compare over another medium, such as a phone call: 12 groups of 5 digits, equal for all members in one epoch. See
   * `Channel.safetyNumber`.
   *
   * @throws ChannelError `not_found`; the error that the channel ended with
   */
  safetyNumber(name: string): string {
    return this.#managed(name).channel.safetyNumber();
  }

  /** The members of a channel, this agent included. @throws ChannelError `not_found` */
  members(name: string): readonly ChannelMember[] {
    return this.#managed(name).channel.members;
  }

  /**
   * Replaces this agent's encryption keys in a channel.
   *
   * @throws ChannelError `contended`, `inbox_full`, `removed`; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async rotateKey(name: string, options?: WaitOptions): Promise<void> {
    await (await this.#channel(name)).rotateKey(options);
  }

  /**
   * Asks the other members of a channel to remove this agent; an online member commits the removal. The last member leaves immediately.
   *
   * @throws ChannelError; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async leave(name: string, options?: WaitOptions): Promise<void> {
    await (await this.#channel(name)).leave(options);
  }

  /**
   * Sends a message to all other members; text is encoded as UTF-8. Resolves once the relay has stored the message durably.
   *
   * @example
   * ```ts
   * import type { SkytaleChannelManager } from "@parley/channels";
   *
   * declare const manager: SkytaleChannelManager;
   * // With an id, a send whose outcome is unknown can be repeated.
   * await manager.send("acme/team/general", "Deploy finished", { id: "deploy-118" });
   * ```
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
   * Returns all messages acknowledged to their senders before the call, as text. Waits for a first message if none is stored; empty after the
   * timeout. Invalid UTF-8 becomes U+FFFD.
   *
   * The next call for the same channel, or {@link SkytaleChannelManager.close}, settles the returned messages. If the process crashes before that,
   * they are returned again after the restart.
   *
   * @throws ChannelError `not_found`
   * @throws ChannelError `removed`, `log_lost`; AuthError; TransportError: after the last message, if the channel ended with that error
   * @throws TypeError for an invalid timeout, or if the channel was opened with `receive: false`
   * @throws the signal's reason
   */
  async receive(name: string, options?: ReceiveOptions): Promise<string[]> {
    return (await this.receiveMessages(name, options)).map(({ text }) => text);
  }

  /**
   * As {@link SkytaleChannelManager.receive}, but returns only the last message, and drops older ones. Reads the log to its end first: `undefined`
   * if that takes longer than the timeout. With a timeout of 0, returns the last stored message.
   */
  async receiveLatest(name: string, options?: ReceiveOptions): Promise<string | undefined> {
    const latest = await this.#managed(name).receiveLatest(options);
    return latest?.text;
  }

  /** As {@link SkytaleChannelManager.receive}, but returns messages with sender, id and sequence number. */
  async receiveMessages(name: string, options?: ReceiveOptions): Promise<readonly ChannelMessage[]> {
    return (await this.#usable(name)).receive(options);
  }

  /** Sends an envelope to all other members. @throws as {@link SkytaleChannelManager.send}; EnvelopeError if it is too large */
  async sendEnvelope(name: string, envelope: Envelope, options?: SendOptions): Promise<Sent> {
    checkChannelName(name);
    return this.send(name, checkEnvelope(envelope).serialize(), options);
  }

  /** As {@link SkytaleChannelManager.receive}, but returns envelopes. A message without an envelope becomes the payload of a `Protocol.RAW` envelope. */
  async receiveEnvelopes(name: string, options?: ReceiveOptions): Promise<Envelope[]> {
    return (await this.receiveMessages(name, options)).map(envelopeOf);
  }

  /** Names of the open channels that this agent is a member of. */
  listChannels(): string[] {
    return [...this.#channels].flatMap(([name, { channel }]) => (channel.isActive ? name : []));
  }

  /**
   * Creates an invite, and returns its token `skt_inv_…` for {@link SkytaleChannelManager.joinWithToken}. Anyone holding the token can join:
   * transfer it like a password. Any online member approves join requests, even if this agent is offline.
   *
   * @throws ChannelError `not_found`, `bad_request` (more uses or a longer validity than the server allows), `limit_reached`; AuthError
   *   `api_key_required`; TransportError; TypeError
   */
  async invite(name: string, options?: InviteOptions): Promise<string> {
    return this.#invites.invite(await this.#channel(name), options);
  }

  /** Revokes an invite. Pending join requests made with it are rejected. @throws InviteError; AuthError; ChannelError; TransportError */
  async revokeInvite(name: string, token: string): Promise<void> {
    await this.#invites.revoke(name, token);
  }

  /**
   * Joins a channel with an invite token; an online member must approve the request. Opens the channel if this agent is already a member.
   *
   * The request stays pending after a timeout or a restart: repeat the call to continue it. A repeated call does not take another use of the
   * invite.
   *
   * @throws InviteError `invite_malformed`, `invite_unknown`, `invite_expired`, `invite_exhausted`, `invite_revoked`, `join_refused`,
   *   `join_expired`, `identity_taken`, `identity_mismatch`
   * @throws ChannelError `leaving` (no member has committed this agent's earlier request to leave)
   * @throws TransportError `join_timeout`; AuthError `api_key_required`; MlsError `invalid_welcome`; the signal's reason
   */
  async joinWithToken(name: string, token: string, options?: JoinWithTokenOptions): Promise<EnvelopePort> {
    return this.#hold(await this.#invites.join(name, token, options));
  }

  /** Stops receiving, sending and approving joins, and unlocks the data directory. Keys and unsettled messages are kept. Idempotent. */
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

  /** An open channel. Reopens it if it ended because a write failed. */
  async #usable(name: string): Promise<ManagedChannel> {
    const { channel } = this.#managed(name);
    if (channel.hasStorageFailed && this.#closing === undefined) await this.open(name, { receive: channel.inbox !== undefined });
    return this.#managed(name);
  }

  /** Schedules a comparison of members and grants, which reports accounts that have access but no member. */
  #compareGrants(name: string): void {
    const channel = this.#channels.get(name)?.channel;
    if (channel !== undefined && this.#comparesGrants && this.#closing === undefined) this.#comparisons.soon(channel);
  }

  #managed(name: string): ManagedChannel {
    const managed = this.#channels.get(name);
    if (managed !== undefined) return managed;
    if (this.#closing !== undefined) throw new TransportError("closed", "the manager is closed");
    checkChannelName(name);
    throw new ChannelError("not_found", `the channel ${name} is not open: create, join or open it first`);
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
