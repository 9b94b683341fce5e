import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "../worker.ts";

const API_KEY = "a-key-for-all-agents-of-the-bench";
const RECIPIENT = "did:web:localhost:offline";
const NO_LIMIT = { maxInboxMessages: 10_000_000, maxInboxLength: 2 ** 40 };

/** The message of a node that is ready. */
interface NodeReady {
  readonly nodeUrl: string;
  /** Time of its start, in milliseconds, without loading its modules. */
  readonly startMs: number;
}

/** A node with a data directory, at which messages wait for a recipient that never connects. */
export class OfflineInbox {
  readonly #dataDir: string;
  #node: Worker<NodeReady> | undefined;
  #sender: Worker | undefined;
  #depth = 0;

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  static async create(): Promise<OfflineInbox> {
    const inbox = new OfflineInbox(await mkdtemp(join(tmpdir(), "parley-bench-")));
    await inbox.restart();
    return inbox;
  }

  /** Sends messages, 64 in flight. Returns microseconds for each. */
  async send(messages: number): Promise<number> {
    const node = await this.#node?.ready;
    this.#sender ??= new Worker("sending-role", { nodeUrl: node?.nodeUrl, apiKey: API_KEY, to: RECIPIENT });
    await this.#sender.ready;
    this.#depth += messages;
    return this.#sender.ask<number>({ messages });
  }

  /** Sends until at least this number of messages waits. */
  async growTo(depth: number): Promise<void> {
    if (depth > this.#depth) await this.send(depth - this.#depth);
  }

  /** Stops the node and starts it again. Returns the milliseconds of the start. */
  async restart(): Promise<number> {
    await this.#sender?.stop();
    await this.#node?.stop();
    this.#sender = undefined;
    const apiKeys = [{ key: API_KEY, dids: "any" }];
    this.#node = new Worker<NodeReady>("node-role", { dataDir: this.#dataDir, apiKeys, limits: NO_LIMIT });
    return (await this.#node.ready).startMs;
  }

  async close(): Promise<void> {
    await this.#sender?.stop();
    await this.#node?.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
