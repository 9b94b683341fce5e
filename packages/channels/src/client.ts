import { setMaxListeners } from "node:events";
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { ParleyError } from "@parley/core";
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
import { type GroupRow, type MlsEngine, MlsEngineError, type MlsGroup } from "@parley/mls-engine";
import type { RelayClient } from "@parley/skytale-relay";
import { apiOf, openAgent, relayOf, type OpenAgent } from "./open-agent.ts";
import type { ApiClient } from "./api/api-client.ts";
import { Channel } from "./channel/channel.ts";
import { sharedIdentities } from "./channel/check-identities-free.ts";
import { decodeCursor, encodeCursor } from "./channel/log-cursor.ts";
import { LateEntries } from "./channel/late-entries.ts";
import { LogPosition } from "./channel/log-position.ts";
import { CURSOR_ROW, JOINED_ROW, LEAVING_ROW, NAME_ROW, numberValue, UPDATE_ROW } from "./channel/rows.ts";
import { sendKeysOf } from "./channel/send-key.ts";
import { checkChannelName, isGroupOf, newGroupId } from "./channel-name.ts";
import {
  channelLimits,
  checkClientOptions,
  type ChannelLimits,
  type ChannelOptions,
  CLIENT_OPTIONS,
  CREATE_OPTIONS,
  type CreateChannelOptions,
  JOIN_OPTIONS,
  type JoinChannelOptions,
  OPEN_OPTIONS,
  type SkytaleClientOptions,
  type SkytaleClientSettings,
} from "./client-options.ts";
import { ConnectionState } from "./connection-state.ts";
import { ChannelError, MlsError, TransportError } from "./errors.ts";
import { guardedListeners } from "./guarded-listeners.ts";
import { toPublicErrorUnlessAborted } from "./error-mapping.ts";
import type { IdentityKey } from "./identity-key.ts";
import { eraseGroups, findGroups, replaceGroup } from "./stored-groups.ts";
import { DEFAULT_TIMEOUT_MS, readWait, type WaitOptions } from "./wait-options.ts";
import { printWarning } from "./print-warning.ts";
import { decodeWelcome, type WelcomeBundle } from "./welcome-bundle.ts";

/**
 * An agent: its identity and keys, its link to a relay, and the encrypted channels that it is a member of.
 *
 * @example
 * ```ts
 * import { SkytaleClient } from "@parley/channels";
 *
 * await using alice = new SkytaleClient("https://relay.example:5000", "/var/lib/alice", "alice", {
 *   apiKey: process.env["SKYTALE_API_KEY"] ?? "",
 *   apiUrl: "https://api.example",
 * });
 * const channel = await alice.createChannel("acme/team/general");
 * await channel.send(new TextEncoder().encode("Hello, agents!"));
 * ```
 */
export class SkytaleClient implements AsyncDisposable {
  readonly #options: SkytaleClientOptions;
  readonly #limits: ChannelLimits;
  readonly #api: ApiClient | undefined;
  readonly #relay: RelayClient;
  readonly #connection: ConnectionState;
  readonly #channels = new Map<string, Channel>();
  /** Creating, joining and opening: of one name, one at a time. */
  readonly #mutex = new KeyedMutex();
  #agent: Promise<OpenAgent> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Nothing is opened or connected yet: that happens with the first call.
   *
   * @throws TypeError for options that make no sense
   */
  constructor(options: SkytaleClientOptions);
  constructor(endpoint: string, dataDir: string, identity: string | Uint8Array, settings?: SkytaleClientSettings);
  constructor(
    first: SkytaleClientOptions | string,
    dataDir = "",
    identity: string | Uint8Array = "",
    settings: SkytaleClientSettings = {},
  ) {
    if (typeof first === "string") rejectUnknownOptions(settings, CLIENT_OPTIONS);
    const options = typeof first === "string" ? { ...settings, endpoint: first, dataDir, identity } : first;
    checkClientOptions(options);
    if (typeof options.identity !== "string" && !(options.identity instanceof Uint8Array)) {
      throw new TypeError("identity must be a string or a Uint8Array: who this agent is");
    }
    if (options.identity.length === 0) throw new TypeError("identity must not be empty");
    if (options.dataDir === "" && options.store === undefined) throw new TypeError("dataDir must name a directory");
    // The working directory may be another one by the first call.
    const directory = options.store === undefined ? { dataDir: resolve(options.dataDir) } : {};
    this.#options = { ...options, ...guardedListeners(options), ...directory };
    this.#limits = channelLimits(options.limits);
    this.#api = apiOf(options);
    this.#connection = new ConnectionState({
      relay: (options.transport?.address ?? options.endpoint ?? "").trim(),
      timeoutMs: readDurationMs(options, { ms: "timeoutMs" }, DEFAULT_TIMEOUT_MS),
      onWarning: this.#options.onWarning ?? printWarning,
    });
    this.#relay = relayOf(options, this.#api, {
      onConnected: () => this.#linkUp(),
      onDisconnected: (reason) => this.#linkDown(reason),
    });
  }

  /** Whether there is a link to the relay now. */
  get connected(): boolean {
    return this.#connection.isUp;
  }

  /**
   * Opens the data directory. The other calls do it by themselves; this one is for who wants to know early.
   *
   * @throws ChannelError `data_dir_locked`, `wrong_identity`, `bad_request` (the directory can't be used), `channel_error` (it is damaged)
   */
  async open(): Promise<void> {
    await this.#attempt(undefined, () => this.#opened());
  }

  /**
   * Resolves when there is a connection to the relay.
   *
   * @throws AuthError; TransportError `connection_error`: none within the timeout; the signal's reason
   */
  async connect(options?: WaitOptions): Promise<void> {
    await this.#wait(options, "check the URL, and whether the relay is running", async (signal) => {
      this.#connection.wanted();
      await this.#relay.connect({ signal });
    });
  }

  /**
   * Creates a channel, with this agent as its first member. Its name is registered with the API server, if there is one. A call whose answer
   * was lost can be repeated.
   *
   * @param name `org/namespace/service`
   * @throws ChannelError `bad_request` (`invalid channel name: …`), `channel_exists` (somebody has created it already; see
   *   {@link CreateChannelOptions.replace}), `org_taken`; AuthError; TransportError; the signal's reason
   */
  createChannel(name: string, options?: CreateChannelOptions): Promise<Channel> {
    return this.#step(name, CREATE_OPTIONS, options, (agent) => this.#create(agent, name, options));
  }

  /**
   * Opens a channel that this agent is a member of, or else creates it.
   *
   * @throws as {@link SkytaleClient.createChannel}: `channel_exists` when others have created it, and this agent is not a member
   */
  openOrCreateChannel(name: string, options?: CreateChannelOptions): Promise<Channel> {
    const run = async (agent: OpenAgent): Promise<Channel> => {
      const { ready } = await findGroups(agent.engine, name);
      return ready === undefined ? this.#create(agent, name, options) : this.#start(ready, agent.identityKey, name, options);
    };
    return this.#step(name, CREATE_OPTIONS, options, run, (channel) => Promise.resolve(channel));
  }

  /**
   * Forgets a channel: erases its keys and messages here, and tells nobody. The other members keep this agent as a member that is never
   * there; {@link Channel.leave} is the way out of a channel that is in use. For a channel that can't be used any more, as after its server
   * has lost its data: it can be created or joined again after that. Nothing happens when this agent is not a member.
   */
  async forgetChannel(name: string): Promise<void> {
    checkChannelName(name);
    await this.#mutex.run(name, () =>
      this.#attempt(undefined, async () => {
        const { engine } = await this.#opened();
        await this.#channels.get(name)?.close();
        await eraseGroups(engine, name);
      }),
    );
  }

  /**
   * A key package, by which a member of a channel lets this agent in: see `Channel.addMember`. It works once. Its private half is on disk
   * when this resolves.
   */
  generateKeyPackage(): Promise<Uint8Array> {
    return this.#attempt(undefined, async () => (await this.#opened()).engine.keyPackage());
  }

  /**
   * Joins a channel with the welcome that a member's `addMember` has given for a key package of this agent. Messages from then on are
   * received, and none from before.
   *
   * @param name must be that of the channel.
   * @throws MlsError `invalid_welcome`; ChannelError `bad_request`, `channel_exists` (it is open here), `leaving` (nobody has let this
   *   agent go yet, though it asked for that); the signal's reason
   */
  joinChannel(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<Channel> {
    return this.#step(name, JOIN_OPTIONS, options, async ({ engine, identityKey }) => {
      const bundle = decodeWelcome(welcome);
      if (bundle.channel !== undefined && bundle.channel !== name) {
        throw new MlsError("invalid_welcome", "the welcome is for another channel");
      }
      const { group, inbox } = await join(engine, name, bundle);
      const update = { key: UPDATE_ROW, value: (options?.updateKeys ?? true) ? new Uint8Array() : undefined };
      await this.#setUp(group, name, bundle.from, [...inbox, update]);
      return this.#start(group, identityKey, name, options);
    });
  }

  /**
   * Goes on with a channel that was created or joined before, as after a restart: messages that were not taken come first, then what has
   * been sent since. A channel that is open already is given as it is.
   *
   * @throws ChannelError `not_found`, `removed`, `bad_request`; TransportError `closed`
   */
  openChannel(name: string, options?: ChannelOptions): Promise<Channel> {
    const run = async ({ engine, identityKey }: OpenAgent): Promise<Channel> => {
      const { ready, wasRemoved } = await findGroups(engine, name);
      if (ready !== undefined) return this.#start(ready, identityKey, name, options);
      if (wasRemoved)
        throw new ChannelError("removed", `this agent was removed from the channel ${name}: join it again with an invite token`);
      throw new ChannelError("not_found", `this agent is not a member of the channel ${name}: create it, or join it with an invite token`);
    };
    return this.#step(name, OPEN_OPTIONS, options, run, (channel) => Promise.resolve(channel));
  }

  /**
   * Closes all channels, the link and the data directory. What waits is rejected with TransportError `closed`. Idempotent.
   *
   * @throws ChannelError `storage_failed`; everything is closed, and the data directory free, then too
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the manager builds on. @internal */
  get parts(): {
    readonly api: ApiClient | undefined;
    readonly connection: ConnectionState;
    readonly agent: () => Promise<OpenAgent>;
  } {
    return { api: this.#api, connection: this.#connection, agent: () => this.#opened() };
  }

  async #close(): Promise<void> {
    const closeChannels = (): Promise<void> => closeTogether(...Array.from(this.#channels.values(), (channel) => () => channel.close()));
    await this.#attempt(undefined, () =>
      closeAll(
        closeChannels,
        () => this.#relay.close(),
        () => this.#connection.close(),
        () => this.#api?.close(),
        () => this.#mutex.idle(),
        // Those that were being opened.
        closeChannels,
        async () => (await this.#agent?.catch(() => undefined))?.engine.close(),
        async () => (await this.#agent?.catch(() => undefined))?.identityKey.erase(),
      ),
    );
  }

  #opened(): Promise<OpenAgent> {
    if (this.#closing !== undefined) return Promise.reject(new TransportError("closed", "the client is closed"));
    if (this.#agent === undefined) {
      const agent = openAgent(this.#options);
      this.#agent = agent;
      // A directory that was locked may be free later.
      agent.catch(() => (this.#agent = undefined));
    }
    return this.#agent;
  }

  #step(
    name: string,
    known: readonly string[],
    options: ChannelOptions | undefined,
    run: (agent: OpenAgent) => Promise<Channel>,
    ifOpen: (channel: Channel, signal: AbortSignal | undefined) => Promise<Channel | undefined> = rejectIfActive,
  ): Promise<Channel> {
    const signal = options?.signal;
    return this.#mutex.run(name, () =>
      this.#attempt(signal, async () => {
        checkChannelName(name);
        rejectUnknownOptions(options, known);
        checkValues<CreateChannelOptions & JoinChannelOptions>(options, IS_BOOLEAN, ["receive", "replace", "updateKeys"]);
        signal?.throwIfAborted();
        const agent = await this.#opened();
        const open = this.#channels.get(name);
        const given = open?.isActive === true ? await ifOpen(open, signal) : undefined;
        if (given !== undefined) return given;
        // What a failed channel could not write is read again from the disk.
        await closeQuietly(() => open?.close());
        return run(agent);
      }),
    );
  }

  async #create({ engine, identityKey }: OpenAgent, name: string, options: CreateChannelOptions = {}): Promise<Channel> {
    const { ready } = await findGroups(engine, name);
    if (ready !== undefined) throw isMember(name);
    const timeoutMs = readDurationMs(options, { ms: "timeoutMs" }, this.#connection.timeoutMs);
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

  /** Registers a channel's name for this agent. Gives the sequence that its log goes on with. @throws ChannelError `channel_exists` */
  async #register(name: string, signatureKey: Uint8Array, replace: boolean, signal: AbortSignal): Promise<number> {
    // The server knows the call of this agent by it when it is repeated, as after a lost answer.
    const key = createHash("sha256").update("skytale create\0").update(signatureKey).update(name).digest("base64url");
    try {
      await this.#api?.createChannel(name, key, { signal });
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "channel_exists") throw error;
      if (!replace) throw exists(name, error);
    }
    const [head] = await this.#relay.heads([name], { signal });
    const next = head?.next ?? 1;
    if (next > 1 && !replace) throw exists(name);
    return next;
  }

  async #setUp(group: MlsGroup, name: string, next: number, more: readonly GroupRow[] = []): Promise<void> {
    await group.writeRows([
      { key: NAME_ROW, value: new TextEncoder().encode(name) },
      { key: CURSOR_ROW, value: encodeCursor({ next, last: undefined }) },
      { key: JOINED_ROW, value: numberValue(group.epoch) },
      { key: LEAVING_ROW, value: undefined },
      ...more,
    ]);
  }

  #start(group: MlsGroup, identityKey: IdentityKey, name: string, { receive = true }: ChannelOptions = {}): Channel {
    const closed = new AbortController();
    // Every repeated send that is looked up listens.
    setMaxListeners(0, closed.signal);
    this.#connection.wanted();
    const position = new LogPosition(decodeCursor(group.row(CURSOR_ROW)).next, this.#relay.connected, name);
    const channel = new Channel({
      context: {
        name,
        group,
        relay: this.#relay,
        connection: this.#connection,
        position,
        late: new LateEntries(group),
        sendKeys: sendKeysOf(identityKey, name),
        events: this.#options.events ?? {},
        warn: this.#options.onWarning ?? printWarning,
        closed: closed.signal,
      },
      limits: this.#limits,
      keepsMessages: receive,
      allowSameIdentity: this.#options.allowSameIdentity ?? false,
      close: (reason) => closed.abort(reason),
      forget: async () => (await this.#opened()).engine.removeGroup(group.id),
      onClosed: () => {
        if (this.#channels.get(name) === channel) this.#channels.delete(name);
      },
    });
    this.#channels.set(name, channel);
    this.#warnOfSharedIdentities(name, group);
    return channel;
  }

  #warnOfSharedIdentities(name: string, { members }: MlsGroup): void {
    if (this.#options.allowSameIdentity === true) return;
    const warn = this.#options.onWarning ?? printWarning;
    for (const shared of sharedIdentities(members)) {
      const who = `${shared.count} members of the channel ${name} have the identity ${JSON.stringify(shared.name)}`;
      warn(`${who}: only their signature keys (senderKey) tell them apart; remove those that should not be there (removeMember)`);
    }
  }

  #linkUp(): void {
    this.#connection.up();
    for (const channel of this.#channels.values()) channel.linkUp();
    this.#options.events?.onConnected?.();
  }

  #linkDown(reason: ParleyError): void {
    this.#connection.down(reason);
    for (const channel of this.#channels.values()) channel.linkDown();
    const error = toPublicErrorUnlessAborted(reason, undefined);
    this.#options.events?.onDisconnected?.(ParleyError.from(error));
  }

  /** Runs something within the time that the caller allows. @param effect what it means when that is over. */
  #wait<T>(options: WaitOptions | undefined, effect: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs, signal } = readWait(options, this.#connection.timeoutMs);
    const onTimeout = (): Error => this.#connection.timedOut(timeoutMs, effect);
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

/** A channel that this agent has left makes room. */
async function rejectIfActive(channel: Channel, signal: AbortSignal | undefined): Promise<undefined> {
  await channel.whenLeft(signal);
  if (channel.isActive) throw isMember(channel.name);
}

function isMember(name: string): ChannelError {
  return new ChannelError("channel_exists", `this agent is a member of the channel ${name} already: open it, or forget it to start over`);
}

function exists(name: string, cause?: Error): ChannelError {
  const advice =
    "join it with an invite token of a member (joinWithToken), or create it with { replace: true } as a new group without its members";
  return new ChannelError("channel_exists", `the channel ${name} exists already: ${advice}`, cause === undefined ? {} : { cause });
}

/** Everything but the engine's own state is the welcome's fault. */
function welcomeError(error: MlsEngineError, name: string): Error {
  if (NOT_OF_WELCOME.has(error.code)) return error;
  const advice = FAULTS_OF_WELCOMES.get(error.code) ?? "it is damaged, or not a welcome";
  return new MlsError("invalid_welcome", `this welcome can't be joined ${name} with: ${advice} (${error.message})`, { cause: error });
}

const FAULTS_OF_WELCOMES: ReadonlyMap<string, string> = new Map([
  ["no_key_package", "it is for another agent, or was used before"],
  ["credential_refused", "this agent does not accept one of the members (authenticate)"],
]);
const NOT_OF_WELCOME: ReadonlySet<string> = new Set([
  "closed",
  "state_damaged",
  "crypto_unavailable",
  "wrong_identity",
  "group_exists",
  "identity_taken",
]);

/** Joins a group, in the place of an older one of the same channel, and gives the messages of that one which nobody has taken. */
async function join(
  engine: MlsEngine,
  name: string,
  { welcome }: WelcomeBundle,
): Promise<{ readonly group: MlsGroup; readonly inbox: readonly GroupRow[] }> {
  const { ready, joined } = await findGroups(engine, name);
  let inbox: readonly GroupRow[] = [];
  let group: MlsGroup;
  try {
    group = await engine.joinGroup(welcome);
  } catch (error) {
    if (!(error instanceof MlsEngineError)) throw error;
    // An earlier call has come this far before a crash.
    if (error.code === "no_key_package" && joined !== undefined) return { group: joined, inbox };
    if (error.code !== "group_exists" || ready === undefined) throw welcomeError(error, name);
    // We were removed and let in again, and have not read of it yet.
    inbox = await replaceGroup(engine, ready);
    return { group: await engine.joinGroup(welcome), inbox };
  }
  if (!isGroupOf(group.id, name)) {
    await engine.removeGroup(group.id);
    throw new MlsError("invalid_welcome", "the welcome is for another channel; generate another key package to join this one");
  }
  if (ready !== undefined) inbox = await replaceGroup(engine, ready);
  return { group, inbox };
}
