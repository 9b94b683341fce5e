import { closeAll, closeQuietly } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import type { Logger } from "pino";
import type { ServerConsole } from "../admin/admin-source.ts";
import { Watchdog } from "../watchdog.ts";
import { type PeriodicTask, repeat } from "./repeat.ts";
import type { ServerStorage } from "./server-storage.ts";

/** Options of {@link ServerLifecycle}. */
export interface LifecycleOptions {
  /** The word for the server in messages, such as `node`. */
  readonly noun: string;
  readonly logger: Logger;
  readonly storage: ServerStorage;
  /** The console of the server: it opens after the ports of the server, and closes first. */
  readonly ownConsole?: ServerConsole | undefined;
  /** Opens the ports. Resolves to their addresses, for the log. */
  readonly listen: () => Promise<Readonly<Record<string, string>>>;
  /** Maintenance, from `listen` until the server stops. */
  readonly tasks: readonly PeriodicTask[];
  /** Rejects new work, completes work in progress, and frees the ports. The storage is open until it has resolved. */
  readonly stop: () => Promise<void>;
  /** Called for each damaged record that is found, after it was logged. */
  readonly onDamaged: () => void;
  /** Called for a task that failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Start, periodic maintenance and stop of a server. */
export class ServerLifecycle {
  /** Logs who was active while the event loop was blocked. */
  readonly watchdog: Watchdog;
  readonly #options: LifecycleOptions;
  #stopTasks: readonly (() => void)[] = [];
  #isListening = false;
  #closing: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    const { logger, storage } = options;
    this.#options = options;
    this.watchdog = new Watchdog({ onHeld: (held) => logger.warn(held, "event loop held") });
    storage.onDamaged(({ table, key, bytes }) => {
      const about = { table, key: Buffer.from(key).toString("hex"), bytes };
      logger.error(about, "damaged record found: the disk or the memory is failing");
      options.onDamaged();
    });
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** @throws StorageError `closed` once the server stops */
  assertOpen(): void {
    if (this.isClosing) throw new StorageError("closed", `The ${this.#options.noun} is closed`);
  }

  /** Opens the ports and begins maintenance. After a failure everything is closed. */
  async start(): Promise<void> {
    const { logger, listen, tasks, ownConsole, onFailure } = this.#options;
    try {
      const addresses = await listen();
      await ownConsole?.listen();
      this.#isListening = true;
      this.#stopTasks = tasks.map((task) => repeat(task, onFailure));
      logger.info(addresses, "listening");
    } catch (error) {
      await closeQuietly(() => this.close());
      throw error;
    }
  }

  /** Stops the server, then closes its storage. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { logger, stop, storage, ownConsole } = this.#options;
    for (const stopTask of this.#stopTasks) stopTask();
    this.watchdog.close();
    await closeAll(
      () => ownConsole?.close(),
      () => stop(),
      () => storage.close(),
      () => this.#isListening && logger.info("stopped"),
    );
  }
}
