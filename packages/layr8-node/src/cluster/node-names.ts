import { sleep } from "@parley/core/internal";
import { type JetstreamConnection, type Lease, Leases, SharedTable } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import { nodeToken } from "./node-token.ts";

/** Takes over what a node that has ended has left under its name, until the signal aborts. Resolves to whether nothing is left. */
export type TakeOver = (node: string, signal: AbortSignal) => Promise<boolean>;

const TABLE = "outboxes";
/** A killed node has its name for another 10 seconds. */
const NAME_WITHIN_MS = 20_000;
const NAME_EVERY_MS = 500;
const LOOK_EVERY_MS = 5000;
/** How long the name of another node is held: if that starts again, it waits. */
const TAKE_OVER_WITHIN_MS = 5000;

/**
 * The names of nodes. One node at a time has a name, under which it stores what it alone has: the messages that it sends to other domains. A table lists the
 * names under which there may be any, so that they are taken over from a node that does not come back.
 */
export class NodeNames {
  readonly #token: string;
  readonly #leases: Leases;
  readonly #stop = new AbortController();
  readonly #listed = new Map<string, number>();
  #table!: SharedTable;
  #lease: Lease | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  private constructor(token: string, leases: Leases) {
    this.#token = token;
    this.#leases = leases;
  }

  /**
   * Waits until no other node has the name.
   *
   * @throws JetstreamError `streams_unavailable`; StorageError `data_dir_locked` (another node has it), `storage_failed`
   */
  static async open(connection: JetstreamConnection, name: string): Promise<NodeNames> {
    const names = new NodeNames(nodeToken(name), await Leases.open(connection, { name: "names" }));
    for (const deadline = performance.now() + NAME_WITHIN_MS; names.#lease === undefined; await sleep(NAME_EVERY_MS, connection.closed)) {
      names.#lease = await names.#leases.acquire(names.#token);
      if (names.#lease === undefined && performance.now() > deadline)
        throw new StorageError("data_dir_locked", `Another node named ${name} is running: give each node its own nodeName`);
    }
    names.#table = await SharedTable.open(
      connection,
      { name: TABLE },
      { onEntry: ({ key, revision }) => names.#listed.set(key, revision), onRemoved: (key) => names.#listed.delete(key) },
    );
    await names.#table.put(names.#token, new Uint8Array());
    return names;
  }

  /** Lists a name for a node that does not run: another one takes over what was stored under it. */
  static async list(connection: JetstreamConnection, name: string): Promise<void> {
    const table = await SharedTable.open(connection, { name: TABLE }, { onEntry: () => undefined, onRemoved: () => undefined });
    await table.put(nodeToken(name), new Uint8Array());
    await table.close();
  }

  /**
   * Takes over what ended nodes have left, from now on.
   *
   * @param isResponsible whether this node is the one of all that does it.
   */
  watch(takeOver: TakeOver, isResponsible: () => boolean, onFailure: (error: unknown) => void): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look(takeOver, isResponsible)
        .catch(onFailure)
        .finally(() => {
          this.#looking = undefined;
        });
    }, LOOK_EVERY_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#looking;
    await this.#table.close();
    await this.#lease?.release();
  }

  async #look(takeOver: TakeOver, isResponsible: () => boolean): Promise<void> {
    await this.#keepName();
    for (const [node, revision] of this.#listed) {
      if (node === this.#token || !isResponsible() || this.#stop.signal.aborted) continue;
      const lease = await this.#acquire(node);
      if (lease === undefined) continue;
      try {
        const signal = AbortSignal.any([lease.lost, this.#stop.signal, AbortSignal.timeout(TAKE_OVER_WITHIN_MS)]);
        if ((await takeOver(node, signal)) && !lease.lost.aborted) await this.#table.remove(node, revision);
      } finally {
        await lease.release();
      }
    }
  }

  /** A node that was cut off has lost its name, and another one may have taken over what it had. */
  async #keepName(): Promise<void> {
    if (this.#lease?.lost.aborted === false) return;
    this.#lease = await this.#acquire(this.#token);
    if (this.#lease !== undefined) await this.#table.put(this.#token, new Uint8Array());
  }

  /** Without NATS, no node has a lease. */
  #acquire(token: string): Promise<Lease | undefined> {
    return this.#leases.acquire(token).catch(() => undefined);
  }
}
