import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "../worker.ts";

/** A relay and its clients, each in a process of its own. */
export class RelayPair {
  readonly #folder: string;
  readonly #relay: Worker;
  readonly #clients: Worker;

  private constructor(folder: string, relay: Worker, clients: Worker) {
    this.#folder = folder;
    this.#relay = relay;
    this.#clients = clients;
  }

  static async create({ onDisk }: { readonly onDisk: boolean }): Promise<RelayPair> {
    const folder = await mkdtemp(join(tmpdir(), "parley-bench-"));
    const relay = new Worker("relay-role", { maxEntries: 20_000_000, ...(onDisk && { dataDir: folder }) });
    const clients = new Worker("relay-client-role", await relay.ready);
    await clients.ready;
    return new RelayPair(folder, relay, clients);
  }

  /** Publishes messages of 1 KiB on the first channel. Returns microseconds for each. */
  async publish(messages: number): Promise<number> {
    const started = performance.now();
    await this.#clients.ask({ publish: messages });
    return ((performance.now() - started) / messages) * 1000;
  }

  /** Milliseconds to connect and to open a subscription at the end of the first channel's log. */
  async subscribeAtEnd(): Promise<number> {
    const started = performance.now();
    await this.#clients.ask({ subscribers: 1 });
    const took = performance.now() - started;
    await this.#clients.ask({ subscribers: 0 });
    return took;
  }

  /** Creates channels up to this number, each with one entry. */
  async growChannelsTo(count: number): Promise<void> {
    await this.#clients.ask({ publishTo: await this.createChannels(count) });
  }

  /** Creates channels without entries up to this number, and returns the names of the new ones. */
  async createChannels(count: number): Promise<readonly string[]> {
    return (await this.#relay.ask<{ names: readonly string[] }>({ channels: count })).names;
  }

  /** Opens a subscription to each channel, all of one client. */
  async subscribeTo(names: readonly string[]): Promise<void> {
    await this.#clients.ask({ subscribeTo: names });
  }

  /** Bytes of memory in use by the relay. */
  memory(): Promise<number> {
    return this.#relay.ask<number>({});
  }

  async close(): Promise<void> {
    await this.#clients.stop();
    await this.#relay.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
