import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SkytaleChannelManager } from "@parley/channels";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";

/** A relay and its agents, each with its own directory. */
export class Skytale implements AsyncDisposable {
  readonly server: SkytaleServer;
  readonly directory: string;
  readonly #managers = new Set<SkytaleChannelManager>();

  private constructor(server: SkytaleServer, directory: string) {
    this.server = server;
    this.directory = directory;
  }

  static async start(): Promise<Skytale> {
    const directory = await mkdtemp(join(tmpdir(), "parley-bridge-"));
    return new Skytale(await startSkytale({ port: 0, relayPort: 0, logger: false, dataDir: join(directory, "server") }), directory);
  }

  /** Opens an agent. After its manager was closed, the same identity opens the same agent again. */
  agent(identity: string): SkytaleChannelManager {
    const { relayUrl: endpoint, apiUrl, apiKey = "" } = this.server;
    const relayLimits = { initialBackoffMs: 20, maxBackoffMs: 200 };
    const manager = new SkytaleChannelManager({ endpoint, apiUrl, apiKey, identity, dataDir: join(this.directory, identity), relayLimits });
    this.#managers.add(manager);
    return manager;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#managers].map((manager) => manager.close()));
    await this.server.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
