import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AdminServer } from "@parley/admin";
import { CONSOLE_FILES } from "@parley/console";
import { type Layr8Node, type NodeOptions, startNode } from "@parley/layr8-node";
import { type SkytaleOptions, type SkytaleServer, startSkytale } from "@parley/skytale-server";
import { Client } from "layr8";
import { SkytaleChannelManager, type SkytaleChannelManagerOptions } from "skytale";

/** Both servers with a console, in memory, and agents of them. */
export class Stack implements AsyncDisposable {
  readonly admin: AdminServer;
  readonly node: Layr8Node;
  readonly skytale: SkytaleServer;
  /** Where agents announce their lenses. */
  readonly lenses: string;
  readonly #directory: string;
  readonly #closing: (() => Promise<unknown>)[] = [];

  private constructor(parts: Pick<Stack, "admin" | "node" | "skytale" | "lenses">, directory: string) {
    this.admin = parts.admin;
    this.node = parts.node;
    this.skytale = parts.skytale;
    this.lenses = parts.lenses;
    this.#directory = directory;
  }

  /** @param others `actions: false`: a console that only reads. */
  static async start(
    options: NodeOptions = {},
    { actions = true, ...skytaleOptions }: SkytaleOptions & { readonly actions?: boolean } = {},
  ): Promise<Stack> {
    const directory = await mkdtemp(join(tmpdir(), "parley-console-"));
    const lenses = join(directory, "lenses");
    const admin = new AdminServer({ port: 0, files: CONSOLE_FILES, actions, bodies: true, lenses });
    const node = await startNode({ port: 0, logger: false, admin, ...options });
    const skytale = await startSkytale({ port: 0, relayPort: 0, logger: false, admin, ...skytaleOptions });
    await admin.listen();
    return new Stack({ admin, node, skytale, lenses }, directory);
  }

  /** A path in the stack's temporary directory. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  /** An agent of the node, which isn't connected yet. */
  agent(did: string): Client {
    const agent = new Client({ nodeUrl: this.node.url, apiKey: this.node.apiKey ?? "", agentDid: did }, () => undefined);
    this.#closing.push(() => agent.close());
    return agent;
  }

  /** An agent of the skytale server, with a lens. */
  manager(identity: string, options: Partial<SkytaleChannelManagerOptions> = {}): SkytaleChannelManager {
    const { relayUrl: endpoint, apiUrl, apiKey } = this.skytale;
    const manager = new SkytaleChannelManager({
      endpoint,
      apiUrl,
      apiKey,
      identity,
      lens: this.lenses,
      onWarning: () => undefined,
      ...options,
    });
    this.#closing.push(() => manager.close());
    return manager;
  }

  /** Asks the admin server. */
  async read<T>(path: string): Promise<T> {
    const [, token = ""] = this.admin.url.split("#token=");
    const response = await fetch(new URL(`/api/${path}`, this.admin.url), { headers: { authorization: `Bearer ${token}` } });
    return (await response.json()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
    await Promise.all([this.admin.close(), this.node.close(), this.skytale.close()]);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
