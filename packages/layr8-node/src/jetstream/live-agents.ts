import { createHash } from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";
import { type JetstreamConnection, type Members, SharedTable } from "@parley/jetstream";
import type { SharedLive, SharedLiveListener } from "../mediation/shared-live.ts";

/** Bytes of an agent's hash. DIDs are longer than a subject may be. */
const HASH_BYTES = 20;
/** Bytes of a DID that a notice may have. */
const MAX_DID_BYTES = 4096;

/** Options of {@link LiveAgents.open}. */
export interface LiveAgentsOptions {
  readonly connection: JetstreamConnection;
  readonly members: Members;
}

/**
 * Which node delivers to an agent in live mode: an entry of a table that all nodes follow. A node that has queued an envelope notifies that node, by a
 * message that NATS does not store; whenever one may have been lost, the node looks at its queues.
 */
export class LiveAgents implements SharedLive {
  readonly #connection: JetstreamConnection;
  readonly #members: Members;
  /** Nodes of agents, and agents by the keys of their entries. */
  readonly #nodes = new Map<string, string>();
  readonly #agents = new Map<string, string>();
  #listener: SharedLiveListener | undefined;
  #table!: SharedTable;
  #stops: (() => void)[] = [];

  private constructor({ connection, members }: LiveAgentsOptions) {
    this.#connection = connection;
    this.#members = members;
  }

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(options: LiveAgentsOptions): Promise<LiveAgents> {
    const live = new LiveAgents(options);
    live.#table = await SharedTable.open(
      options.connection,
      { name: "live" },
      { onEntry: ({ key, value }) => live.#take(key, value), onRemoved: (key) => live.#drop(key) },
    );
    return live;
  }

  listen(listener: SharedLiveListener): void {
    this.#listener = listener;
    const { nc } = this.#connection;
    const subscription = nc.subscribe(this.#subjectOf(this.#members.id), {
      callback: (error, { data }) => {
        if (error === null && data.length <= MAX_DID_BYTES) listener.onQueued(Buffer.from(data).toString());
      },
    });
    this.#stops = [() => subscription.unsubscribe(), this.#connection.onDoubt(() => listener.onDoubt())];
  }

  async claim(agent: string): Promise<void> {
    await this.#table.put(keyOf(agent), Buffer.from(JSON.stringify({ agent, node: this.#members.id })));
  }

  async release(agent: string): Promise<void> {
    if (this.#nodes.has(agent)) await this.#table.remove(keyOf(agent));
  }

  isElsewhere(agent: string): boolean {
    return this.#elsewhere(agent) !== undefined;
  }

  notify(agent: string, did: string): void {
    const node = this.#elsewhere(agent);
    if (node === undefined || this.#connection.closed.aborted) return;
    this.#connection.nc.publish(this.#subjectOf(node), Buffer.from(did));
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.#table.close();
  }

  /** The node of an agent, if it is another one and running. */
  #elsewhere(agent: string): string | undefined {
    const node = this.#nodes.get(agent);
    return node !== undefined && node !== this.#members.id && this.#members.has(node) ? node : undefined;
  }

  #take(key: string, value: Uint8Array): void {
    const { agent, node } = parse(value);
    if (typeof agent !== "string" || typeof node !== "string") return;
    this.#agents.set(key, agent);
    this.#nodes.set(agent, node);
    if (node !== this.#members.id) this.#listener?.onEnded(agent);
  }

  #drop(key: string): void {
    const agent = this.#agents.get(key);
    this.#agents.delete(key);
    if (agent === undefined) return;
    this.#nodes.delete(agent);
    this.#listener?.onEnded(agent);
  }

  #subjectOf(node: string): string {
    return `${this.#connection.prefix}.live-queued.${node}`;
  }
}

function keyOf(agent: string): string {
  return createHash("sha256").update(agent).digest().subarray(0, HASH_BYTES).toString("base64url");
}

function parse(value: Uint8Array): JsonObject {
  try {
    const entry: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
    return isJsonObject(entry) ? entry : {};
  } catch {
    return {};
  }
}
