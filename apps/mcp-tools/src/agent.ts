import { join } from "node:path";
import { ChannelError, ParleyError, SkytaleChannelManager, type ChannelMessage } from "skytale";
import type { Config } from "./config.ts";
import { RememberedNames } from "./remembered-names.ts";

/** Most characters of messages that one call returns, since they go into a model's context. A single longer message is returned alone. */
const MAX_CHARACTERS = 100_000;

/** Received messages, and whether more are available. */
export interface Received {
  readonly messages: readonly ChannelMessage[];
  readonly more: boolean;
}

/** The agent behind the tools. It opens its channels on demand, and after a restart. */
export class Agent implements AsyncDisposable {
  readonly identity: string;
  readonly #manager: SkytaleChannelManager;
  readonly #names: RememberedNames;
  /** Messages taken from a channel and not returned yet. The channel keeps them on disk until more are taken. */
  readonly #taken = new Map<string, readonly ChannelMessage[]>();

  private constructor(config: Config, names: RememberedNames, log: (line: string) => void) {
    this.identity = config.identity;
    this.#manager = new SkytaleChannelManager({ ...config, events: { onError: (name, error) => log(`${name}: ${error.message}`) } });
    this.#names = names;
  }

  /** Opens the channels of earlier runs in the background. If that fails, opening is retried when a tool uses the channel. */
  static async start(config: Config, log: (line: string) => void): Promise<Agent> {
    const { dataDir } = config;
    const names = await RememberedNames.open(dataDir === undefined ? undefined : join(dataDir, "mcp-tools.json"));
    const agent = new Agent(config, names, log);
    for (const name of names)
      agent.#open(name).catch((error: unknown) => log(`cannot open ${name} yet: ${ParleyError.from(error).message}`));
    return agent;
  }

  /**
   * Creates a channel, or opens it if this agent is already a member.
   *
   * @throws ChannelError `channel_exists` if another agent created it.
   */
  async create(name: string): Promise<void> {
    try {
      await this.#manager.openOrCreate(name);
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "channel_exists") throw error;
      throw new ChannelError(
        "channel_exists",
        `${name} was created by another agent, and you are not a member. Do not create another channel: ask a member to call ` +
          "skytale_invite, and call skytale_join_with_token with the resulting token",
        { cause: error },
      );
    }
    await this.#names.add(name);
  }

  keyPackage(): Promise<Uint8Array> {
    return this.#manager.keyPackage();
  }

  addMember(name: string, keyPackage: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.#at(name, () => this.#manager.addMember(name, keyPackage, { signal }));
  }

  async join(name: string, welcome: Uint8Array): Promise<void> {
    await this.#manager.join(name, welcome);
    await this.#names.add(name);
  }

  invite(name: string, maxUses: number, ttl: number): Promise<string> {
    return this.#at(name, () => this.#manager.invite(name, { maxUses, ttl }));
  }

  async joinWithToken(name: string, token: string, timeout: number, signal: AbortSignal): Promise<void> {
    await this.#manager.joinWithToken(name, token, { timeout, signal });
    await this.#names.add(name);
  }

  /** @returns the sequence number of the message in the channel's log */
  async send(name: string, message: string, signal: AbortSignal): Promise<number> {
    const { sequence } = await this.#at(name, () => this.#manager.send(name, message, { signal }));
    return sequence;
  }

  async receive(name: string, timeout: number, signal: AbortSignal): Promise<Received> {
    const isThere = this.#takenFrom(name).length > 0;
    const fresh = isThere ? [] : await this.#at(name, () => this.#manager.receiveMessages(name, { timeout, signal }));
    // A concurrent call may have added some.
    const messages = [...this.#takenFrom(name), ...fresh];
    const count = fitting(messages);
    this.#taken.set(name, messages.slice(count));
    return { messages: messages.slice(0, count), more: count < messages.length };
  }

  /** Names of this agent's channels, with their numbers of members. Tries to open those that are not open. */
  async channels(): Promise<{ readonly channel: string; readonly members: number }[]> {
    await Promise.allSettled([...this.#names].map((name) => this.#open(name)));
    return this.#manager.listChannels().map((channel) => ({ channel, members: this.#manager.members(channel).length }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager.close();
  }

  #takenFrom(name: string): readonly ChannelMessage[] {
    return this.#taken.get(name) ?? [];
  }

  /** Runs an operation on a channel, opening it first if necessary. */
  async #at<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
      await this.#open(name);
      return work();
    }
  }

  async #open(name: string): Promise<void> {
    try {
      await this.#manager.open(name);
    } catch (error) {
      if (error instanceof ChannelError && (error.code === "removed" || error.code === "not_found")) await this.#names.delete(name);
      throw error;
    }
    await this.#names.add(name);
  }
}

/** The number of messages that fit into one result: at least one. */
function fitting(messages: readonly ChannelMessage[]): number {
  let characters = 0;
  const tooMany = messages.findIndex(({ data }, index) => (characters += data.length) > MAX_CHARACTERS && index > 0);
  return tooMany === -1 ? messages.length : tooMany;
}
