import { join } from "node:path";
import { SkytaleChannelManager } from "../../src/index.ts";
import type { ManagerOptions } from "../../src/manager/manager-options.ts";
import { QUICK } from "../invites/world.ts";
import { Harness } from "./harness.ts";

/** No other member takes the one who adds a joiner for dead, however slow the machine is. */
const PATIENT = { ...QUICK, welcome: { atLeast: 100_000, spread: 0 } };

/** A server, and managers of agents by their names, each with a directory of its own. */
export class Managers implements AsyncDisposable {
  readonly harness: Harness;
  readonly #open = new Map<SkytaleChannelManager, string>();

  private constructor(harness: Harness) {
    this.harness = harness;
  }

  static async start(options: Parameters<typeof Harness.start>[0] = {}): Promise<Managers> {
    return new Managers(await Harness.start(options));
  }

  /** A manager of an identity; the same one after its last was closed has its keys. */
  of(identity: string, options: Partial<ManagerOptions> = {}): SkytaleChannelManager {
    const all: ManagerOptions = {
      endpoint: this.harness.server.relayUrl,
      apiUrl: this.harness.server.apiUrl,
      apiKey: this.harness.apiKey,
      dataDir: join(this.harness.directory, identity),
      identity,
      relayLimits: { initialBackoffMs: 20, maxBackoffMs: 200 },
      admissionTimes: PATIENT,
      ...options,
    };
    const manager = new SkytaleChannelManager(all);
    this.#open.set(manager, identity);
    return manager;
  }

  /** Closes the managers of an identity. */
  async close(identity: string): Promise<void> {
    for (const [manager, name] of this.#open) if (name === identity) await manager.close();
  }

  /** The API key of another account. */
  async account(name: string): Promise<string> {
    const { apiKey } = await this.harness.server.createAccount({ email: `${name}@example.org`, name });
    return apiKey.key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.keys()].map((manager) => manager.close()));
    await this.harness[Symbol.asyncDispose]();
  }
}
