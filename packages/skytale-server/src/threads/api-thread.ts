import { Worker } from "node:worker_threads";
import { backoffMs, sleep } from "@parley/core/internal";
import type { Logger } from "pino";
import type { ApiSettings, ApiSide } from "../api/api-host.ts";
import type { MetricsSnapshot } from "../metrics.ts";
import type { Registry } from "../registry/registry.ts";
import type { ApiMethods, ApiWorkerData, OwnerMethods } from "./api-worker.ts";
import { writeForwarded } from "./forwarded-log.ts";
import { offerRegistry } from "./remote-registry.ts";
import { ThreadCalls } from "./thread-calls.ts";

/** What {@link ApiThread} is started with. */
export interface ApiThreadOptions extends Omit<ApiWorkerData, "logLevel" | "now"> {
  readonly registry: Registry;
  readonly logger: Logger;
  /** The time by which records expire. */
  readonly now: () => number;
  readonly failure: () => Promise<string | undefined>;
  readonly metricsText: () => Promise<string>;
  /** The thread has ended although nobody closed it; it is started again. */
  readonly onCrash: () => void;
}

/** How long the thread may take to close before it is ended, in milliseconds. */
const CLOSE_MS = 5000;
/** Pauses between attempts to start a thread in the place of one that crashed. */
const RESTART = { initialMs: 200, maxMs: 30_000 };
const NAME = "api";
/** The thread's program is the built one also where this file runs as a source: Node can't run that, nor import the sources of others. */
const IS_SOURCE = import.meta.url.endsWith(".ts");
const PROGRAM = new URL(IS_SOURCE ? "../../dist/threads/api-worker.js" : "./api-worker.js", import.meta.url);

/** One life of the thread. */
interface Life {
  readonly worker: Worker;
  readonly calls: ThreadCalls<ApiMethods>;
}

/**
 * The API in a thread of its own, which asks this one for records. One that crashes is reported and replaced, on the same port; calls that
 * it was answering are cut.
 */
export class ApiThread implements ApiSide {
  readonly #options: ApiThreadOptions;
  #url = "";
  #settings: ApiSettings;
  #life: Life | undefined;
  /** Ends the attempts to start another thread. */
  readonly #stop = new AbortController();
  #restarting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ApiThreadOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** @throws the system's error, with its remedy, when the port can't be listened on */
  static async start(options: ApiThreadOptions): Promise<ApiThread> {
    const thread = new ApiThread(options);
    thread.#url = await thread.#run();
    // Another thread takes the port that this one was given.
    thread.#settings = { ...options.settings, port: Number(new URL(thread.#url).port) };
    return thread;
  }

  get url(): string {
    return this.#url;
  }

  /** Why the API can't be reached now. */
  get failure(): string | undefined {
    return this.#life === undefined ? "the API's thread has crashed and is being started again" : undefined;
  }

  async sweep(now: number): Promise<void> {
    await this.#life?.calls.call("sweep", now);
  }

  /** What the thread has counted; `undefined` while there is none. */
  async metrics(): Promise<MetricsSnapshot | undefined> {
    return this.#life?.calls.call("metrics").catch(() => undefined);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await this.#restarting;
    const life = this.#life;
    if (life === undefined) return;
    // A thread that hangs is ended all the same.
    const timeout = new AbortController();
    await Promise.race([life.calls.call("close").catch(() => undefined), sleep(CLOSE_MS, timeout.signal)]);
    timeout.abort();
    await life.worker.terminate();
  }

  /** Starts a thread and lets it listen. Returns the API's origin. */
  async #run(): Promise<string> {
    const { registry, logger, failure, metricsText, now, limits, serverKey, directory } = this.#options;
    const data: ApiWorkerData = { settings: this.#settings, limits, serverKey, directory, logLevel: logger.level, now: now() };
    const worker = new Worker(PROGRAM, { name: NAME, workerData: data, ...(IS_SOURCE && { execArgv: [] }) });
    const calls = new ThreadCalls<ApiMethods>(worker, {
      ...offerRegistry(registry),
      failure,
      metricsText,
      log: (line) => writeForwarded(logger, NAME, line),
    } satisfies OwnerMethods);
    let crash: unknown;
    worker.once("error", (error) => (crash = error));
    worker.once("exit", (exitCode) => {
      calls.fail(crash instanceof Error ? crash : new Error(`The API's thread has ended with exit code ${exitCode}`));
      if (this.#life?.worker === worker) this.#onEnd(crash, exitCode);
    });
    const end = (): void => void worker.terminate();
    this.#stop.signal.addEventListener("abort", end);
    try {
      const url = await calls.call("listen");
      this.#life = { worker, calls };
      return url;
    } catch (error) {
      await worker.terminate();
      throw error;
    } finally {
      this.#stop.signal.removeEventListener("abort", end);
    }
  }

  #onEnd(crash: unknown, exitCode: number): void {
    this.#life = undefined;
    if (this.#closing !== undefined) return;
    this.#options.logger.error({ err: crash, exitCode, thread: NAME }, "the API's thread crashed and is started again");
    this.#options.onCrash();
    this.#restarting = this.#restart();
  }

  async #restart(): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 1; ; attempt++) {
      await sleep(backoffMs(attempt, RESTART), signal);
      if (signal.aborted) return;
      try {
        await this.#run();
        this.#options.logger.warn({ api: this.#url, thread: NAME }, "the API's thread was started again");
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.error({ err: error, thread: NAME }, "the API's thread could not be started again");
      }
    }
  }
}
