import { rejectUnknownOptions } from "@parley/core/internal";
import { lazily } from "@parley/core/lazily";
import type { Agent } from "./agent.ts";
import { checkAgentOptions } from "./agent-options.ts";
import type { Channel } from "./channel/channel.ts";
import {
  type ChannelOptions,
  CLIENT_OPTIONS,
  type CreateChannelOptions,
  type JoinChannelOptions,
  type SkytaleClientOptions,
  type SkytaleClientSettings,
} from "./client-options.ts";
import { TransportError } from "./errors.ts";
import type { WaitOptions } from "./wait-options.ts";

/** MLS, gRPC and the rest of an agent are loaded by the first call. */
const loadAgent = lazily(() => import("./agent.ts"));

/**
 * An agent with its identity, its keys, its connection to a relay, and the encrypted channels that it is a member of.
 *
 * For agents that receive continuously, and add members by key packages. `SkytaleChannelManager` is the same agent for programs that
 * receive when they call, and that add members by invite tokens.
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
  #agent: Agent | undefined;
  #loading: Promise<Agent> | undefined;
  #isClosed = false;

  /**
   * Opens no file and no connection: the first call does.
   *
   * @throws TypeError for invalid options
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
    this.#options = checkAgentOptions(typeof first === "string" ? { ...settings, endpoint: first, dataDir, identity } : first);
  }

  /** Whether the relay is connected. */
  get connected(): boolean {
    return this.#agent?.connection.isUp ?? false;
  }

  /**
   * Opens the data directory. Optional: other calls open it when they need it. Call it to detect problems at startup.
   *
   * @throws ChannelError `data_dir_locked`, `wrong_identity`, `bad_request` (the directory cannot be used), `channel_error` (it is damaged)
   */
  async open(): Promise<void> {
    return (await this.#load()).open();
  }

  /**
   * Resolves when the relay is connected.
   *
   * @throws AuthError
   * @throws TransportError `connection_error`: no connection within the timeout
   * @throws the signal's reason
   */
  async connect(options?: WaitOptions): Promise<void> {
    return (await this.#load()).connect(options);
  }

  /**
   * Creates a channel with this agent as its first member, and registers its name with the API server, if the client has one. Safe to repeat
   * after a lost response.
   *
   * @param name `org/namespace/service`
   * @throws ChannelError `bad_request` (`invalid channel name: …`), `channel_exists` (see {@link CreateChannelOptions.replace}), `org_taken`
   * @throws AuthError; TransportError; the signal's reason
   */
  async createChannel(name: string, options?: CreateChannelOptions): Promise<Channel> {
    return (await this.#load()).createChannel(name, options);
  }

  /**
   * Opens a channel that this agent is a member of; creates the channel otherwise.
   *
   * @throws ChannelError `channel_exists` if another agent has created the channel and this agent is not a member
   * @throws as {@link SkytaleClient.createChannel}
   */
  async openOrCreateChannel(name: string, options?: CreateChannelOptions): Promise<Channel> {
    return (await this.#load()).openOrCreateChannel(name, options);
  }

  /**
   * Erases the keys and messages of a channel from this agent's disk, without notifying the other members: to them this agent remains a
   * member that is offline. To leave a channel in use, call {@link Channel.leave}. Use this when the server has lost its data: the channel
   * can then be created or joined again. Does nothing if this agent is not a member.
   */
  async forgetChannel(name: string): Promise<void> {
    return (await this.#load()).forgetChannel(name);
  }

  /**
   * A key package, which a member passes to {@link Channel.addMember} to add this agent. Single use. Its private keys are on disk when this
   * resolves.
   */
  async generateKeyPackage(): Promise<Uint8Array> {
    return (await this.#load()).generateKeyPackage();
  }

  /**
   * Joins a channel with the welcome that {@link Channel.addMember} returned for a key package of this agent. Receives the messages sent
   * after the agent was added.
   *
   * @param name must be the name of the channel that the welcome is for.
   * @throws MlsError `invalid_welcome`
   * @throws ChannelError `bad_request`, `channel_exists` (it is open here), `leaving` (no member has committed this agent's earlier request to
   *   leave)
   * @throws the signal's reason
   */
  async joinChannel(name: string, welcome: Uint8Array, options?: JoinChannelOptions): Promise<Channel> {
    return (await this.#load()).joinChannel(name, welcome, options);
  }

  /**
   * Reopens a channel that was created or joined before, such as after a restart. Delivers unsettled messages first, then those sent since.
   * Returns the same object if the channel is open.
   *
   * @throws ChannelError `not_found`, `removed`, `bad_request`
   * @throws TransportError `closed`
   */
  async openChannel(name: string, options?: ChannelOptions): Promise<Channel> {
    return (await this.#load()).openChannel(name, options);
  }

  /**
   * Closes all channels, the connection and the data directory. Pending calls are rejected with TransportError `closed`. Idempotent.
   *
   * @throws ChannelError `storage_failed`: the data directory is closed and unlocked in that case too
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const agent = await this.#loading?.catch(() => undefined);
    await agent?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws TransportError `closed` if the client was closed before any other call */
  #load(): Promise<Agent> {
    if (this.#loading === undefined && this.#isClosed) throw new TransportError("closed", "the client is closed");
    this.#loading ??= loadAgent().then((module) => (this.#agent = new module.Agent(this.#options)));
    return this.#loading;
  }
}
