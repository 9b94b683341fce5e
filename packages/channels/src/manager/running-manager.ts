import type { Telemetry } from "@parley/core";
import { closeAll, closeQuietly, closeTogether } from "@parley/core/internal";
import type { Envelope, EnvelopeChannels, EnvelopePort } from "@parley/envelope-and-adapters";
import type { GroupChannel } from "../channel/group-channel.ts";
import type { ChannelMember, MemberName } from "../channel/channel-member.ts";
import type { ChannelMessage } from "../channel/channel-message.ts";
import { describeNonBytes } from "../channel/describe-non-bytes.ts";
import type { SendOptions, Sent } from "../channel/send-options.ts";
import { checkEnvelope } from "@parley/envelope-and-adapters/internal";
import { checkChannelName } from "../channel-name.ts";
import { traceJoin } from "../channel-telemetry.ts";
import { Agent } from "../agent.ts";
import type { ChannelOptions, CreateChannelOptions, JoinChannelOptions, SkytaleClientOptions } from "../client-options.ts";
import type { SkytaleClientEvents } from "../client-events.ts";
import { guardedListeners } from "../guarded-listeners.ts";
import type { DataDir } from "./data-dir.ts";
import { printWarning } from "../print-warning.ts";
import { envelopeOf } from "./received-envelope.ts";
import { ChannelInvites } from "./channel-invites.ts";
import { ManagedChannel, type ReceiveOptions } from "./managed-channel.ts";
import type { AddMemberOptions, RemoveMemberOptions, WaitOptions } from "../wait-options.ts";
import { GrantComparison } from "./grant-comparison.ts";
import { ChannelGrants } from "../api/channel-grants.ts";
import type { InviteOptions, JoinWithTokenOptions } from "./invite-options.ts";
import { StorageRecovery } from "./storage-recovery.ts";
import type { ManagerOptions } from "./manager-options.ts";
import { notOpen } from "./not-open.ts";

const encoder = new TextEncoder();

/**
 * The implementation of `SkytaleChannelManager`, which documents the methods and passes its calls on unchanged. Loaded by its first call.
 */
export class RunningManager implements EnvelopeChannels {
  readonly #dataDir: DataDir;
  readonly #telemetry: Telemetry | undefined;
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
    if (this.#channels.has(name)) await this.#ensureUsable(name);
  });
  #closing: Promise<void> | undefined;

  /** @param options checked by `SkytaleChannelManager`. @param dataDir the directory of `agentOptions`, if it has one. */
  constructor(options: ManagerOptions, agentOptions: SkytaleClientOptions, dataDir: DataDir) {
    const listeners = guardedListeners(options);
    this.#dataDir = dataDir;
    this.#telemetry = options.telemetry;
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
    this.#agent = new Agent({ ...agentOptions, ...listeners, events });
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

  get connected(): boolean {
    return this.#agent.connection.isUp;
  }

  connect(options?: WaitOptions): Promise<void> {
    return this.#agent.connect(options);
  }

  async create(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return this.#manage(await this.#agent.createChannel(name, options));
  }

  async openOrCreate(name: string, options?: CreateChannelOptions): Promise<EnvelopePort> {
    return this.#manage(await this.#agent.openOrCreateChannel(name, options));
  }

  async forget(name: string): Promise<void> {
    const managed = this.#channels.get(name);
    this.#channels.delete(name);
    await managed?.close();
    await this.#agent.forgetChannel(name);
  }

  async join(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<EnvelopePort> {
    return this.#manage(await this.#agent.joinChannel(name, welcome, options));
  }

  async open(name: string, options?: ChannelOptions): Promise<EnvelopePort> {
    return this.#manage(await this.#agent.openChannel(name, options));
  }

  keyPackage(): Promise<Uint8Array> {
    return this.#agent.generateKeyPackage();
  }

  async addMember(name: string, keyPackage: Uint8Array, options?: AddMemberOptions): Promise<Uint8Array> {
    return (await this.#channel(name)).addMember(keyPackage, options);
  }

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

  safetyNumber(name: string): string {
    return this.#managed(name).channel.safetyNumber();
  }

  epoch(name: string): bigint {
    return this.#managed(name).channel.epoch;
  }

  members(name: string): readonly ChannelMember[] {
    return this.#managed(name).channel.members;
  }

  async rotateKey(name: string, options?: WaitOptions): Promise<void> {
    await (await this.#channel(name)).rotateKey(options);
  }

  async leave(name: string, options?: WaitOptions): Promise<void> {
    await (await this.#channel(name)).leave(options);
  }

  async send(name: string, message: string | Uint8Array, options?: SendOptions): Promise<Sent> {
    const channel = await this.#channel(name);
    if (typeof message === "string") return channel.send(encoder.encode(message), options);
    if (!(message instanceof Uint8Array)) throw new TypeError(describeNonBytes(message, "a string or a Uint8Array"));
    return channel.send(message, options);
  }

  async receive(name: string, options?: ReceiveOptions): Promise<string[]> {
    return (await this.receiveMessages(name, options)).map(({ text }) => text);
  }

  async receiveLatest(name: string, options?: ReceiveOptions): Promise<string | undefined> {
    const latest = await this.#managed(name).receiveLatest(options);
    return latest?.text;
  }

  async receiveMessages(name: string, options?: ReceiveOptions): Promise<readonly ChannelMessage[]> {
    return (await this.#ensureUsable(name)).receive(options);
  }

  async sendEnvelope(name: string, envelope: Envelope, options?: SendOptions): Promise<Sent> {
    checkChannelName(name);
    checkEnvelope(envelope);
    return (await this.#channel(name)).sendEnvelope(envelope, options);
  }

  async receiveEnvelopes(name: string, options?: ReceiveOptions): Promise<Envelope[]> {
    return (await this.receiveMessages(name, options)).map(envelopeOf);
  }

  async *exportAudit(name: string): AsyncGenerator<string, void> {
    yield* (await this.#channel(name)).exportAudit();
  }

  listChannels(): string[] {
    return [...this.#channels].flatMap(([name, { channel }]) => (channel.isActive ? name : []));
  }

  async invite(name: string, options?: InviteOptions): Promise<string> {
    return this.#invites.invite(await this.#channel(name), options);
  }

  async revokeInvite(name: string, token: string): Promise<void> {
    await this.#invites.revoke(name, token);
  }

  async joinWithToken(name: string, token: string, options?: JoinWithTokenOptions): Promise<EnvelopePort> {
    return this.#manage(await traceJoin(this.#telemetry, name, () => this.#invites.join(name, token, options)));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
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
    return (await this.#ensureUsable(name)).channel;
  }

  /** Returns an open channel. Reopens it if it ended because a write failed. */
  async #ensureUsable(name: string): Promise<ManagedChannel> {
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
    throw notOpen(name, this.#closing !== undefined);
  }

  async #manage(channel: GroupChannel): Promise<EnvelopePort> {
    const createWorker = await this.#invites.workerFactory();
    const existing = this.#channels.get(channel.name);
    if (existing?.channel === channel) return existing.port;
    const managed = new ManagedChannel(channel, createWorker?.(channel), existing);
    this.#channels.set(channel.name, managed);
    await closeQuietly(() => existing?.close());
    return managed.port;
  }
}
