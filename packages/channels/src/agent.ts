import { setMaxListeners } from "node:events";
import { createHash } from "node:crypto";
import { ParleyError } from "@parley/core";
import { lazily } from "@parley/core/lazily";
import {
  checkValues,
  closeAll,
  closeQuietly,
  closeTogether,
  IS_BOOLEAN,
  readDurationMs,
  rejectUnknownOptions,
  runWithin,
  KeyedMutex,
} from "@parley/core/internal";
import type { GroupRow, MlsGroup } from "@parley/mls-engine";
import type { RelayClient } from "@parley/skytale-relay";
import { apiOf, openAgent, relayOf, type OpenAgent } from "./open-agent.ts";
import type { ApiClient } from "./api/api-client.ts";
import { ChannelGrants } from "./api/channel-grants.ts";
import { GroupChannel } from "./channel/group-channel.ts";
import { identityBytes } from "./channel/channel-member.ts";
import { sharedIdentities } from "./channel/check-identities-free.ts";
import { decodeCursor, encodeCursor } from "./channel/log-cursor.ts";
import { LateEntries } from "./channel/late-entries.ts";
import { LogPosition } from "./channel/log-position.ts";
import { AUDIT_CHAIN_ROW, CURSOR_ROW, JOINED_ROW, LEAVING_ROW, NAME_ROW, numberValue, UPDATE_ROW } from "./channel/rows.ts";
import { sendKeysOf } from "./channel/send-key.ts";
import { checkChannelName, newGroupId } from "./channel-name.ts";
import { gapRow } from "./audit/audit-gap.ts";
import type { ChannelAudit } from "./audit/channel-audit.ts";
import { identityName } from "./channel/identity-name.ts";
import { ChannelTelemetry } from "./channel-telemetry.ts";
import {
  channelLimits,
  type ChannelLimits,
  type ChannelOptions,
  CREATE_OPTIONS,
  type CreateChannelOptions,
  JOIN_OPTIONS,
  type JoinChannelOptions,
  OPEN_OPTIONS,
  type SkytaleClientOptions,
} from "./client-options.ts";
import { ConnectionState } from "./connection-state.ts";
import { ChannelError, MlsError, TransportError } from "./errors.ts";
import { guardedListeners } from "./guarded-listeners.ts";
import { toPublicErrorUnlessAborted } from "./error-mapping.ts";
import type { IdentityKey } from "./identity-key.ts";
import { joinGroup } from "./join-group.ts";
import { eraseGroups, findGroups } from "./stored-groups.ts";
import { DEFAULT_TIMEOUT_MS, readWait, type WaitOptions } from "./wait-options.ts";
import { printWarning } from "./print-warning.ts";
import { decodeWelcome } from "./welcome-bundle.ts";

/** Loaded with the first channel, with `audit`. */
const loadAudit = lazily(() => import("./audit/channel-audit.ts"));

/**
 * The implementation shared by `SkytaleClient` and `SkytaleChannelManager`, which load it with their first call: opens the data directory and the connection on first use, and
 * keeps at most one {@link GroupChannel} open for each channel name.
 *
 * Its methods are documented at `SkytaleClient`, which passes its calls on unchanged.
 */
export class Agent {
  readonly #options: SkytaleClientOptions;
  readonly #limits: ChannelLimits;
  readonly api: ApiClient | undefined;
  readonly #grants = new ChannelGrants(() => {
    if (this.api === undefined) throw new TypeError('Option "withdraw" requires the options apiKey and apiUrl of the agent');
    return this.api;
  });
  readonly #relay: RelayClient;
  readonly connection: ConnectionState;
  readonly #channels = new Map<string, GroupChannel>();
  /** Serializes creating, joining, opening and forgetting of one channel. */
  readonly #mutex = new KeyedMutex();
  #opening: Promise<OpenAgent> | undefined;
  #closing: Promise<void> | undefined;

  /** @param options as `checkAgentOptions` returns them. */
  constructor(options: SkytaleClientOptions) {
    this.#options = { ...options, ...guardedListeners(options) };
    this.#limits = channelLimits(options.limits);
    this.api = apiOf(options);
    this.connection = new ConnectionState({
      relay: (options.transport?.address ?? options.endpoint ?? "").trim(),
      timeoutMs: readDurationMs(options, { ms: "timeoutMs" }, DEFAULT_TIMEOUT_MS),
      onWarning: this.#options.onWarning ?? printWarning,
    });
    this.#relay = relayOf(options, this.api, {
      onConnected: () => this.#connectionUp(),
      onDisconnected: (reason) => this.#connectionLost(reason),
    });
  }

  async open(): Promise<void> {
    await this.#attempt(undefined, () => this.opened());
  }

  async connect(options?: WaitOptions): Promise<void> {
    await this.#wait(options, "check the URL, and that the relay is running", async (signal) => {
      this.connection.wanted();
      await this.#relay.connect({ signal });
    });
  }

  createChannel(name: string, options?: CreateChannelOptions): Promise<GroupChannel> {
    return this.#exclusively(name, CREATE_OPTIONS, options, (agent) => this.#create(agent, name, options));
  }

  openOrCreateChannel(name: string, options?: CreateChannelOptions): Promise<GroupChannel> {
    const run = async (agent: OpenAgent): Promise<GroupChannel> => {
      const { ready } = await findGroups(agent.engine, name);
      return ready === undefined ? this.#create(agent, name, options) : this.#start(ready, agent.identityKey, name, options);
    };
    return this.#exclusively(name, CREATE_OPTIONS, options, run, (channel) => Promise.resolve(channel));
  }

  async forgetChannel(name: string): Promise<void> {
    checkChannelName(name);
    await this.#mutex.run(name, () =>
      this.#attempt(undefined, async () => {
        const { engine } = await this.opened();
        await this.#channels.get(name)?.close();
        await eraseGroups(engine, name);
      }),
    );
  }

  generateKeyPackage(): Promise<Uint8Array> {
    return this.#attempt(undefined, async () => (await this.opened()).engine.keyPackage());
  }

  joinChannel(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<GroupChannel> {
    return this.#exclusively(name, JOIN_OPTIONS, options, async ({ engine, identityKey }) => {
      const bundle = decodeWelcome(welcome);
      if (bundle.channel !== undefined && bundle.channel !== name) {
        throw new MlsError("invalid_welcome", "the welcome is for another channel");
      }
      const { group, rows } = await joinGroup(engine, name, bundle.welcome);
      const update = { key: UPDATE_ROW, value: (options?.updateKeys ?? true) ? new Uint8Array() : undefined };
      await this.#setUp(group, name, bundle.from, [...rows, update]);
      return this.#start(group, identityKey, name, options);
    });
  }

  openChannel(name: string, options?: ChannelOptions): Promise<GroupChannel> {
    const run = async ({ engine, identityKey }: OpenAgent): Promise<GroupChannel> => {
      const { ready, wasRemoved } = await findGroups(engine, name);
      if (ready !== undefined) return this.#start(ready, identityKey, name, options);
      if (wasRemoved)
        throw new ChannelError("removed", `this agent was removed from the channel ${name}: join it again with an invite token`);
      throw new ChannelError("not_found", `this agent is not a member of the channel ${name}: create it, or join it with an invite token`);
    };
    return this.#exclusively(name, OPEN_OPTIONS, options, run, (channel) => Promise.resolve(channel));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closeChannels = (): Promise<void> => closeTogether(...Array.from(this.#channels.values(), (channel) => () => channel.close()));
    await this.#attempt(undefined, () =>
      closeAll(
        closeChannels,
        () => this.#relay.close(),
        () => this.connection.close(),
        () => this.api?.close(),
        () => this.#mutex.idle(),
        // Channels whose opening had begun before the first call.
        closeChannels,
        async () => (await this.#opening?.catch(() => undefined))?.engine.close(),
        async () => (await this.#opening?.catch(() => undefined))?.identityKey.erase(),
      ),
    );
  }

  /** The open data directory; opens it on first use. @throws TransportError `closed` */
  opened(): Promise<OpenAgent> {
    if (this.#closing !== undefined) return Promise.reject(new TransportError("closed", "the client is closed"));
    if (this.#opening === undefined) {
      const agent = openAgent(this.#options);
      this.#opening = agent;
      // Not cached: a locked directory may be unlocked by the next call.
      agent.catch(() => (this.#opening = undefined));
    }
    return this.#opening;
  }

  /** Runs `run` for one channel at a time per name; `ifOpen` decides about a channel that is open already. */
  #exclusively(
    name: string,
    known: readonly string[],
    options: ChannelOptions | undefined,
    run: (agent: OpenAgent) => Promise<GroupChannel>,
    ifOpen: (channel: GroupChannel, signal: AbortSignal | undefined) => Promise<GroupChannel | undefined> = rejectIfActive,
  ): Promise<GroupChannel> {
    const signal = options?.signal;
    return this.#mutex.run(name, () =>
      this.#attempt(signal, async () => {
        checkChannelName(name);
        rejectUnknownOptions(options, known);
        checkValues<CreateChannelOptions & JoinChannelOptions>(options, IS_BOOLEAN, ["receive", "replace", "updateKeys"]);
        signal?.throwIfAborted();
        const agent = await this.opened();
        const open = this.#channels.get(name);
        const given = open?.isActive === true ? await ifOpen(open, signal) : undefined;
        if (given !== undefined) return given;
        // A channel that failed to write is reloaded from the disk.
        await closeQuietly(() => open?.close());
        return run(agent);
      }),
    );
  }

  async #create({ engine, identityKey }: OpenAgent, name: string, options: CreateChannelOptions = {}): Promise<GroupChannel> {
    const { ready } = await findGroups(engine, name);
    if (ready !== undefined) throw isMember(name);
    const timeoutMs = readDurationMs(options, { ms: "timeoutMs" }, this.connection.timeoutMs);
    const servers = `the API server at ${this.#options.apiUrl ?? "-"} or the relay at ${this.#options.endpoint}`;
    const onTimeout = (): Error =>
      new TransportError(
        "timeout",
        `${servers} did not answer within ${timeoutMs} ms; the channel ${name} was not created: repeat the call`,
      );
    const next = await runWithin({ signals: [options.signal], timeoutMs, onTimeout }, (signal) =>
      this.#register(name, identityKey.pair.publicKey, options.replace ?? false, signal),
    );
    const group = await engine.createGroup(newGroupId(name));
    await this.#setUp(group, name, next);
    return this.#start(group, identityKey, name, options);
  }

  /** Registers a channel's name for this agent. Returns the sequence number of the log's next entry. @throws ChannelError `channel_exists` */
  async #register(name: string, signatureKey: Uint8Array, replace: boolean, signal: AbortSignal): Promise<number> {
    // Derived from agent and name, so that the server recognizes a repeated call after a lost response.
    const key = createHash("sha256").update("skytale create\0").update(signatureKey).update(name).digest("base64url");
    try {
      await this.api?.createChannel(name, key, { signal });
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "channel_exists") throw error;
      if (!replace) throw exists(name, error);
    }
    const [head] = await this.#relay.heads([name], { signal });
    const { first = 1, next = 1 } = head ?? {};
    // An empty log is that of a deleted channel, if the API server had no channel of this name.
    const isFree = this.api === undefined ? next === 1 : first === next;
    if (!isFree && !replace) throw exists(name);
    return next;
  }

  async #setUp(group: MlsGroup, name: string, next: number, more: readonly GroupRow[] = []): Promise<void> {
    await group.writeRows([
      { key: NAME_ROW, value: new TextEncoder().encode(name) },
      { key: CURSOR_ROW, value: encodeCursor({ next, last: undefined }) },
      { key: JOINED_ROW, value: numberValue(group.epoch) },
      { key: LEAVING_ROW, value: undefined },
      ...more,
      // This agent was a member before.
      ...(group.row(AUDIT_CHAIN_ROW) === undefined && !more.some(({ key }) => key === AUDIT_CHAIN_ROW) ? [] : [gapRow("not_member")]),
    ]);
  }

  async #start(group: MlsGroup, identityKey: IdentityKey, name: string, { receive = true }: ChannelOptions = {}): Promise<GroupChannel> {
    const audit = await this.#auditOf(group, identityKey, name);
    const closed = new AbortController();
    // One listener for each repeated send that is looked up on the relay.
    setMaxListeners(0, closed.signal);
    this.connection.wanted();
    const position = new LogPosition(decodeCursor(group.row(CURSOR_ROW)).next, this.#relay.connected, name);
    const channel = new GroupChannel({
      context: {
        name,
        group,
        relay: this.#relay,
        connection: this.connection,
        position,
        late: new LateEntries(group),
        sendKeys: sendKeysOf(identityKey, name),
        audit,
        events: this.#options.events ?? {},
        telemetry: this.#options.telemetry && new ChannelTelemetry(this.#options.telemetry, name),
        warn: this.#options.onWarning ?? printWarning,
        closed: closed.signal,
      },
      limits: this.#limits,
      keepsMessages: receive,
      allowSameIdentity: this.#options.allowSameIdentity ?? false,
      close: (reason) => closed.abort(reason),
      findWithdrawal: (key, signal) => this.#grants.findWithdrawal(name, key, signal),
      forget: async () => (await this.opened()).engine.removeGroup(group.id),
      onClosed: () => {
        if (this.#channels.get(name) === channel) this.#channels.delete(name);
      },
    });
    this.#channels.set(name, channel);
    this.#warnOfSharedIdentities(name, group);
    return channel;
  }

  /** The audit chain of a channel, with `audit`. Without it, a chain that was kept before gets a gap. */
  async #auditOf(group: MlsGroup, identityKey: IdentityKey, channel: string): Promise<ChannelAudit | undefined> {
    if (this.#options.audit !== true) {
      if (group.row(AUDIT_CHAIN_ROW) !== undefined) await group.writeRows([gapRow("audit_off")]);
      return undefined;
    }
    const { ChannelAudit: Audit } = await loadAudit();
    const name = identityName(identityBytes(this.#options.identity));
    return new Audit({ channel, name, group, identityKey, maxEntries: this.#limits.maxAuditEntries });
  }

  /** Groups of earlier versions can contain several members with one identity. */
  #warnOfSharedIdentities(name: string, { members }: MlsGroup): void {
    if (this.#options.allowSameIdentity === true) return;
    const warn = this.#options.onWarning ?? printWarning;
    for (const shared of sharedIdentities(members)) {
      const who = `${shared.count} members of the channel ${name} have the identity ${JSON.stringify(shared.name)}`;
      warn(`${who}: only their signature keys (senderKey) distinguish them; remove the wrong ones with removeMember`);
    }
  }

  #connectionUp(): void {
    this.connection.up();
    for (const channel of this.#channels.values()) channel.connectionUp();
    this.#options.events?.onConnected?.();
  }

  #connectionLost(reason: ParleyError): void {
    this.connection.down(reason);
    for (const channel of this.#channels.values()) channel.connectionLost();
    const error = toPublicErrorUnlessAborted(reason, undefined);
    this.#options.events?.onDisconnected?.(ParleyError.from(error));
  }

  /** Runs `run` within the caller's timeout. @param effect the consequence of a timeout, for the error message. */
  #wait<T>(options: WaitOptions | undefined, effect: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs, signal } = readWait(options, this.connection.timeoutMs);
    const onTimeout = (): Error => this.connection.timedOut(timeoutMs, effect);
    return this.#attempt(signal, () => runWithin({ signals: [signal], timeoutMs, onTimeout }, run));
  }

  async #attempt<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw toPublicErrorUnlessAborted(error, signal);
    }
  }
}

/** Waits for a pending removal of this agent, and rejects a channel that stays active. */
async function rejectIfActive(channel: GroupChannel, signal: AbortSignal | undefined): Promise<undefined> {
  await channel.whenLeft(signal);
  if (channel.isActive) throw isMember(channel.name);
}

function isMember(name: string): ChannelError {
  return new ChannelError("channel_exists", `this agent is already a member of the channel ${name}: open it, or forget it to start over`);
}

function exists(name: string, cause?: Error): ChannelError {
  const advice =
    "join it with an invite token from a member (joinWithToken), or create it with { replace: true } as a new group without its members";
  return new ChannelError("channel_exists", `the channel ${name} already exists: ${advice}`, cause === undefined ? {} : { cause });
}
