import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSkytale, type SkytaleOptions, type SkytaleServer } from "@parley/skytale-server";
import { type Channel, type ChannelMessage, SkytaleClient, type SkytaleClientSettings } from "../../src/index.ts";

export const NAME = "acme/team/general";

/** What starts a harness's server: one server with a data directory, unless a test replaces it. */
export const serverUnderTest: { start(options: SkytaleOptions): Promise<SkytaleServer> } = { start: startSkytale };

/** A server with one account, and agents of it, each with a directory of its own. */
export class Harness implements AsyncDisposable {
  readonly directory: string;
  readonly apiKey: string;
  server: SkytaleServer;
  readonly #options: SkytaleOptions;
  readonly #clients = new Set<SkytaleClient>();

  private constructor(server: SkytaleServer, directory: string, apiKey: string, options: SkytaleOptions) {
    this.server = server;
    this.directory = directory;
    this.apiKey = apiKey;
    this.#options = options;
  }

  static async start(options: SkytaleOptions = {}): Promise<Harness> {
    const directory = await mkdtemp(join(tmpdir(), "parley-channels-"));
    const all = { port: 0, relayPort: 0, logger: false, dataDir: join(directory, "server"), ...options } as const;
    const server = await serverUnderTest.start(all);
    return new Harness(server, directory, server.apiKey ?? "", all);
  }

  /** A client with the directory of a name, which is its identity too; after its last one was closed it has its keys. */
  client(name: string, settings: SkytaleClientSettings = {}, identity = name): SkytaleClient {
    const client = new SkytaleClient(this.server.relayUrl, join(this.directory, name), identity, {
      apiKey: this.apiKey,
      apiUrl: this.server.apiUrl,
      relayLimits: { initialBackoffMs: 20, maxBackoffMs: 200 },
      ...settings,
    });
    this.#clients.add(client);
    return client;
  }

  /** Stops the server, and starts it again on the same ports and data. */
  async restart(between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { apiPort, relayPort } = this.server;
    await this.server.close();
    await between();
    this.server = await serverUnderTest.start({ ...this.#options, port: apiPort, relayPort });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.close()));
    await this.server.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A channel of the first, which the others have joined. */
export async function channelOf(first: SkytaleClient, ...others: readonly SkytaleClient[]): Promise<Channel[]> {
  const channel = await first.createChannel(NAME);
  if (others.length === 0) return [channel];
  const welcome = await channel.addMembers(await Promise.all(others.map((client) => client.generateKeyPackage())));
  return [channel, ...(await Promise.all(others.map((client) => client.joinChannel(NAME, welcome, { updateKeys: false }))))];
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text({ data }: Pick<ChannelMessage, "data">): string {
  return new TextDecoder().decode(data);
}

/** The texts of the next `count` messages. */
export async function take(channel: Channel, count: number): Promise<string[]> {
  const taken: string[] = [];
  if (count === 0) return taken;
  for await (const message of channel.messages()) {
    taken.push(text(message));
    if (taken.length === count) break;
  }
  return taken;
}
