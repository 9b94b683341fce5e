import { lazily } from "@parley/core/lazily";
import type { Envelope, EnvelopeChannels, EnvelopePort } from "@parley/envelope-and-adapters";
import { checkAgentOptions } from "../agent-options.ts";
import type { ChannelMember, MemberName } from "../channel/channel-member.ts";
import type { ChannelMessage } from "../channel/channel-message.ts";
import type { SendOptions, Sent } from "../channel/send-options.ts";
import type { ChannelOptions, CreateChannelOptions, JoinChannelOptions, SkytaleClientOptions } from "../client-options.ts";
import { TransportError } from "../errors.ts";
import { guardedListeners } from "../guarded-listeners.ts";
import type { AddMemberOptions, RemoveMemberOptions, WaitOptions } from "../wait-options.ts";
import { type DataDir, dataDirOf } from "./data-dir.ts";
import type { InviteOptions, JoinWithTokenOptions } from "./invite-options.ts";
import type { ReceiveOptions } from "./managed-channel.ts";
import { agentOptionsOf, type ManagerOptions, type SkytaleChannelManagerOptions } from "./manager-options.ts";
import { notOpen } from "./not-open.ts";
import type { RunningManager } from "./running-manager.ts";

const NO_DATA_DIR: DataDir = { path: "", remove: () => Promise.resolve() };

/** MLS, gRPC and the rest of a manager are loaded by the first call. */
const loadManager = lazily(() => import("./running-manager.ts"));

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
  readonly #options: ManagerOptions;
  readonly #agentOptions: SkytaleClientOptions;
  readonly #dataDir: DataDir;
  #manager: RunningManager | undefined;
  #loading: Promise<RunningManager> | undefined;
  #isClosed = false;

  /**
   * Opens no file and no connection: the first call does.
   *
   * @throws TypeError for invalid options
   */
  constructor(options: SkytaleChannelManagerOptions) {
    const own = agentOptionsOf(options);
    const { onWarning } = guardedListeners(options);
    this.#dataDir = options.store === undefined ? dataDirOf(options.dataDir, onWarning) : NO_DATA_DIR;
    this.#options = { ...options };
    this.#agentOptions = checkAgentOptions({ ...own, dataDir: this.#dataDir.path });
  }

  /** Whether the relay is connected. The first call that needs the connection opens it. */
  get connected(): boolean {
    return this.#manager?.connected ?? false;
  }

  /** Resolves when the relay is connected. @throws AuthError; TransportError `connection_error`; the signal's reason */
  async connect(options?: WaitOptions): Promise<void> {
    return (await this.#load()).connect(options);
  }

  /**
   * Creates a channel with this agent as its first member. Safe to repeat after a lost response.
   *
   * @throws ChannelError `bad_request` (`invalid channel name: …`), `channel_exists`, `org_taken`, `limit_reached`; AuthError;
   *   TransportError `connection_error`, `timeout`; the signal's reason
   */
  async create(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return (await this.#load()).create(name, options);
  }

  /**
   * Opens a channel that this agent is a member of; creates the channel otherwise. For the agent that creates the channel: other agents get
   * `channel_exists`, and join with a token.
   *
   * @throws as {@link SkytaleChannelManager.create}
   */
  async openOrCreate(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return (await this.#load()).openOrCreate(name, options);
  }

  /**
   * Erases the keys and messages of a channel from this agent's disk, without notifying the other members. Use this when the server has lost its
   * data. To leave a channel in use, call {@link SkytaleChannelManager.leave}.
   */
  async forget(name: string): Promise<void> {
    return (await this.#load()).forget(name);
  }

  /**
   * Joins a channel with the welcome that {@link SkytaleChannelManager.addMember} of a member returned.
   *
   * @throws MlsError `invalid_welcome`; ChannelError `bad_request`, `channel_exists` (it is open here), `leaving`; the signal's reason
   */
  async join(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<EnvelopePort> {
    return (await this.#load()).join(name, welcome, options);
  }

  /**
   * Reopens a channel that was created or joined before, such as after a restart.
   *
   * @throws ChannelError `not_found` (this agent isn't a member), `removed`, `bad_request`; TransportError `closed`
   */
  async open(name: string, options?: ChannelOptions): Promise<EnvelopePort> {
    return (await this.#load()).open(name, options);
  }

  /** A key package, which a member passes to {@link SkytaleChannelManager.addMember} to add this agent. Single use. */
  async keyPackage(): Promise<Uint8Array> {
    return (await this.#load()).keyPackage();
  }

  /**
   * Adds an agent by its key package. Returns the welcome, which the agent passes to {@link SkytaleChannelManager.join}.
   *
   * @throws MlsError `invalid_key_package`; ChannelError `already_member`, `identity_taken`, `limit_reached`, `contended`, `inbox_full`,
   *   `removed`; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async addMember(name: string, keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array> {
    return (await this.#load()).addMember(name, keyPackage, options);
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
    return (await this.#load()).removeMember(name, member, options);
  }

  /**
   * A number that two members compare over another medium, such as a phone call: 12 groups of 5 digits, equal for all members in one epoch. See
   * `Channel.safetyNumber`.
   *
   * @throws ChannelError `not_found`; the error that the channel ended with
   */
  safetyNumber(name: string): string {
    return this.#loaded(name).safetyNumber(name);
  }

  /** Epoch of a channel's group: see `Channel.epoch`. @throws ChannelError `not_found` */
  epoch(name: string): bigint {
    return this.#loaded(name).epoch(name);
  }

  /** The members of a channel, this agent included. @throws ChannelError `not_found` */
  members(name: string): readonly ChannelMember[] {
    return this.#loaded(name).members(name);
  }

  /**
   * Replaces this agent's encryption keys in a channel.
   *
   * @throws ChannelError `contended`, `inbox_full`, `removed`; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async rotateKey(name: string, options?: WaitOptions): Promise<void> {
    return (await this.#load()).rotateKey(name, options);
  }

  /**
   * Asks the other members of a channel to remove this agent; an online member commits the removal. The last member leaves immediately.
   *
   * @throws ChannelError; TransportError `connection_error`, `timeout`; AuthError; the signal's reason
   */
  async leave(name: string, options?: WaitOptions): Promise<void> {
    return (await this.#load()).leave(name, options);
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
    return (await this.#load()).send(name, message, options);
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
    return (await this.#load()).receive(name, options);
  }

  /**
   * As {@link SkytaleChannelManager.receive}, but returns only the last message, and drops older ones. Reads the log to its end first: `undefined`
   * if that takes longer than the timeout. With a timeout of 0, returns the last stored message.
   */
  async receiveLatest(name: string, options?: ReceiveOptions): Promise<string | undefined> {
    return (await this.#load()).receiveLatest(name, options);
  }

  /** As {@link SkytaleChannelManager.receive}, but returns messages with sender, id and sequence number. */
  async receiveMessages(name: string, options?: ReceiveOptions): Promise<readonly ChannelMessage[]> {
    return (await this.#load()).receiveMessages(name, options);
  }

  /** Sends an envelope to all other members. @throws as {@link SkytaleChannelManager.send}; EnvelopeError if it is too large */
  async sendEnvelope(name: string, envelope: Envelope, options?: SendOptions): Promise<Sent> {
    return (await this.#load()).sendEnvelope(name, envelope, options);
  }

  /** As {@link SkytaleChannelManager.receive}, but returns envelopes. A message without an envelope becomes the payload of a `Protocol.RAW` envelope. */
  async receiveEnvelopes(name: string, options?: ReceiveOptions): Promise<Envelope[]> {
    return (await this.#load()).receiveEnvelopes(name, options);
  }

  /** The audit chain of this agent for a channel: see `Channel.exportAudit`. @throws ChannelError `not_found`; as there */
  async *exportAudit(name: string): AsyncGenerator<string, void> {
    yield* (await this.#load()).exportAudit(name);
  }

  /** Names of the open channels that this agent is a member of. */
  listChannels(): string[] {
    return this.#manager?.listChannels() ?? [];
  }

  /**
   * Creates an invite, and returns its token `skt_inv_…` for {@link SkytaleChannelManager.joinWithToken}. Anyone holding the token can join:
   * transfer it like a password. Any online member approves join requests, even if this agent is offline.
   *
   * @throws ChannelError `not_found`, `bad_request` (more uses or a longer validity than the server allows), `limit_reached`; AuthError
   *   `api_key_required`; TransportError; TypeError
   */
  async invite(name: string, options?: InviteOptions): Promise<string> {
    return (await this.#load()).invite(name, options);
  }

  /** Revokes an invite. Pending join requests made with it are rejected. @throws InviteError; AuthError; ChannelError; TransportError */
  async revokeInvite(name: string, token: string): Promise<void> {
    return (await this.#load()).revokeInvite(name, token);
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
    return (await this.#load()).joinWithToken(name, token, options);
  }

  /** Stops receiving, sending and approving joins, and unlocks the data directory. Keys and unsettled messages are kept. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const manager = await this.#loading?.catch(() => undefined);
    await manager?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws TransportError `closed` if the manager was closed before any other call */
  #load(): Promise<RunningManager> {
    if (this.#loading === undefined && this.#isClosed) throw new TransportError("closed", "the manager is closed");
    this.#loading ??= loadManager().then((module) => {
      this.#manager = new module.RunningManager(this.#options, this.#agentOptions, this.#dataDir);
      return this.#manager;
    });
    return this.#loading;
  }

  /** For calls that return at once: before another call has loaded the manager, no channel is open. @throws as {@link notOpen} */
  #loaded(name: string): RunningManager {
    if (this.#manager === undefined) throw notOpen(name, this.#isClosed);
    return this.#manager;
  }
}
