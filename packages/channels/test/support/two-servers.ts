import { randomBytes } from "node:crypto";
import { startSkytale, type SkytaleOptions, type SkytaleServer } from "@parley/skytale-server";
import { LoadBalancer, type NatsServers } from "@parley/test-nats";

interface Deployment {
  readonly natsPrefix: string;
  readonly serverKey: Uint8Array;
}

/** Two servers with the same data, in NATS, and load balancers in front of them. To clients they are one server. */
export class TwoServers implements SkytaleServer {
  readonly apiKey: string | undefined;
  readonly metricsUrl: string | undefined;
  readonly adminUrl = undefined;
  readonly #one: SkytaleServer;
  readonly #other: SkytaleServer;
  readonly #api: LoadBalancer;
  readonly #relay: LoadBalancer;

  private constructor([one, other]: readonly [SkytaleServer, SkytaleServer], [api, relay]: readonly [LoadBalancer, LoadBalancer]) {
    this.apiKey = one.apiKey;
    this.metricsUrl = one.metricsUrl;
    this.#one = one;
    this.#other = other;
    this.#api = api;
    this.#relay = relay;
  }

  /** @param deployment servers with the same one have the same data. */
  static async start(nats: NatsServers, { natsPrefix, serverKey }: Deployment, options: SkytaleOptions): Promise<TwoServers> {
    const { port, relayPort, dataDir: _, ...rest } = options;
    const shared: SkytaleOptions = { ...rest, port: 0, relayPort: 0, nats: nats.urls, natsPrefix, serverKey };
    const one = await startSkytale(shared);
    const other = await startSkytale(shared);
    const api = await LoadBalancer.start([one.apiPort, other.apiPort], port);
    const relay = await LoadBalancer.start([one.relayPort, other.relayPort], relayPort);
    return new TwoServers([one, other], [api, relay]);
  }

  /** Starts servers; those with the same data directory in their options have the same data. */
  static starter(nats: () => NatsServers): (options: SkytaleOptions) => Promise<SkytaleServer> {
    const deployments = new Map<string | undefined, Deployment>();
    return (options) => {
      const known = deployments.get(options.dataDir) ?? { natsPrefix: `t${deployments.size}`, serverKey: randomBytes(32) };
      deployments.set(options.dataDir, known);
      return TwoServers.start(nats(), known, options);
    };
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.apiPort}`;
  }

  get apiPort(): number {
    return this.#api.port;
  }

  get relayUrl(): string {
    return `http://127.0.0.1:${this.relayPort}`;
  }

  get relayPort(): number {
    return this.#relay.port;
  }

  createAccount: SkytaleServer["createAccount"] = (options) => this.#other.createAccount(options);
  listAccounts: SkytaleServer["listAccounts"] = (options) => this.#one.listAccounts(options);
  createApiKey: SkytaleServer["createApiKey"] = (accountId, options) => this.#other.createApiKey(accountId, options);
  revokeApiKey: SkytaleServer["revokeApiKey"] = (id) => this.#one.revokeApiKey(id);
  listApiKeys: SkytaleServer["listApiKeys"] = (accountId) => this.#other.listApiKeys(accountId);
  deleteChannel: SkytaleServer["deleteChannel"] = (name) => this.#one.deleteChannel(name);
  deleteAccount: SkytaleServer["deleteAccount"] = (id, options) => this.#other.deleteAccount(id, options);
  rotateServerKey: SkytaleServer["rotateServerKey"] = () => this.#one.rotateServerKey();
  backup: SkytaleServer["backup"] = (directory) => this.#one.backup(directory);

  async close(): Promise<void> {
    await Promise.all([this.#one.close(), this.#other.close()]);
    await Promise.all([this.#api[Symbol.asyncDispose](), this.#relay[Symbol.asyncDispose]()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
