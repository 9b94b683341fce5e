import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { backoffMs, runWithin, sleep } from "@parley/core/internal";
import { portOf, type HealthCheck } from "@parley/server-kit/http";
import type { Logger } from "pino";
import type { ApiSettings, ApiSide } from "../api/api-host.ts";
import type { CompletedCall } from "../api/http/server.ts";
import type { MetricsSnapshot } from "../metrics.ts";
import type { RegistryNews } from "../registry/jetstream-registry.ts";
import type { Registry } from "../registry/registry.ts";
import type { ApiMethods, ApiWorkerData, OwnerMethods } from "./api-worker.ts";
import { ProcessCalls } from "./calls.ts";
import { writeForwarded } from "./forwarded-log.ts";
import { offerRegistry } from "./remote-registry.ts";

/** Options of {@link ApiProcess}. */
export interface ApiProcessOptions extends Omit<ApiWorkerData, "now" | "reportsCalls"> {
  readonly registry: Registry;
  readonly logger: Logger;
  /** The time by which records expire. */
  readonly now: () => number;
  readonly checkHealth: () => Promise<HealthCheck>;
  /** Set if other servers have the same records. */
  readonly checkSharedStorage: (() => Promise<HealthCheck>) | undefined;
  readonly metricsText: () => Promise<string>;
  /** Called after each call of the API, unless it is a read that succeeded. */
  readonly onCall?: ((call: CompletedCall) => void) | undefined;
  /** The process ended unexpectedly and is restarted. */
  readonly onCrash: () => void;
}

/** How long the process may take to close before it is killed, in milliseconds. */
const CLOSE_MS = 5000;
/** How long the process may take to hold its changes of the signing keys, in milliseconds. */
const HOLD_MS = 5000;
/** Time limit for the metrics of the process, in milliseconds. */
const METRICS_MS = 1000;
/** Pauses between attempts to start a process in the place of one that crashed. */
const RESTART = { initialMs: 200, maxMs: 30_000 };
const NAME = "api";
/** The program is the built one also where this file runs as a source: Node can't run that, nor import the sources of others. */
const IS_SOURCE = import.meta.url.endsWith(".ts");
const PROGRAM = fileURLToPath(new URL(IS_SOURCE ? "../../dist/workers/api-worker.js" : "./api-worker.js", import.meta.url));

/** One process, while it runs. */
interface Running {
  readonly child: ChildProcess;
  readonly calls: ProcessCalls<ApiMethods>;
}

/**
 * The API in a process of its own, which requests records from this one. A crashed process is reported and replaced, on the same port; its
 * open calls are cut. A process and not a thread: Node may abort the whole process when a thread is ended while it reads HTTP.
 */
export class ApiProcess implements ApiSide {
  readonly #options: ApiProcessOptions;
  #url = "";
  #settings: ApiSettings;
  #running: Running | undefined;
  /** Ends the attempts to start another process. */
  readonly #stop = new AbortController();
  #restarting: Promise<void> | undefined;
  /** A change of the signing keys, during which no process is started: it would read keys that are being replaced. */
  #changing: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ApiProcessOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** @throws the system's error, with its remedy, when the port can't be listened on */
  static async start(options: ApiProcessOptions): Promise<ApiProcess> {
    const api = new ApiProcess(options);
    api.#url = await api.#run();
    // Another process takes the port that this one was given.
    api.#settings = { ...options.settings, port: portOf(api.#url) };
    return api;
  }

  get url(): string {
    return this.#url;
  }

  /** Whether the process that serves the API runs. */
  checkHealth(): HealthCheck {
    return this.#running === undefined ? { ok: false, reason: "the API's process has crashed and is being started again" } : { ok: true };
  }

  async sweep(now: number, servers?: number): Promise<void> {
    await this.#running?.calls.call("sweep", now, servers);
  }

  /** Tells the process what was changed in the registry. */
  take(changes: readonly RegistryNews[]): void {
    this.#running?.calls.send("take", changes);
  }

  /** Metrics of the process; `undefined` while it is not running or not responding. */
  async metrics(): Promise<MetricsSnapshot | undefined> {
    const late = new AbortController();
    const counted = this.#running?.calls.call("metrics").catch(() => undefined);
    const snapshot = await Promise.race([counted, sleep(METRICS_MS, late.signal).then(() => undefined)]);
    late.abort();
    return snapshot;
  }

  /**
   * Changes the signing keys or the server key in this process. The API's process changes none during that, and reads them again afterwards.
   *
   * @throws TypeError while the process is not running or not responding; as `change`
   */
  changeKeys(change: () => Promise<void>): Promise<void> {
    const changed = this.#changeKeys(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #changeKeys(change: () => Promise<void>): Promise<void> {
    const calls = this.#running?.calls;
    if (calls === undefined) throw new TypeError("the API's process has crashed and is being started again: try again when it runs");
    try {
      await runWithin({ timeoutMs: HOLD_MS }, () => calls.call("holdSigningKeys"));
    } catch (cause) {
      calls.send("releaseSigningKeys");
      throw new TypeError("the API's process does not respond: nothing was changed; try again when it does", { cause });
    }
    try {
      await change();
    } finally {
      // A process that has crashed reads the keys when it is started again.
      await runWithin({ timeoutMs: HOLD_MS }, () => calls.call("releaseSigningKeys")).catch(() => undefined);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await this.#restarting;
    if (this.#running === undefined) return;
    const { child, calls } = this.#running;
    const ended = once(child, "exit");
    // A process that hangs is killed.
    const timeout = setTimeout(() => child.kill("SIGKILL"), CLOSE_MS);
    await calls.call("close").catch(() => undefined);
    if (child.connected) child.disconnect();
    await ended;
    clearTimeout(timeout);
  }

  /** Starts a process and waits until it listens. Returns the API's origin. */
  async #run(): Promise<string> {
    const { registry, logger, checkHealth, metricsText, checkSharedStorage, onCall, servers, now, limits, serverKey, directory } =
      this.#options;
    const child = fork(PROGRAM, [logger.level], { serialization: "advanced", ...(IS_SOURCE && { execArgv: [] }) });
    const calls = new ProcessCalls<ApiMethods>(child, {
      ...offerRegistry(registry),
      checkHealth,
      checkSharedStorage: checkSharedStorage ?? (() => Promise.resolve({ ok: true })),
      metricsText,
      called: (call) => onCall?.(call),
      log: (line) => writeForwarded(logger, NAME, line),
    } satisfies OwnerMethods);
    child.once("error", (error) => calls.fail(error));
    child.once("exit", (exitCode, signal) => {
      calls.fail(new Error(`The API's process has ended with ${signal ?? `exit code ${exitCode}`}`));
      if (this.#running?.child === child) this.#onEnd({ exitCode, signal });
    });
    const end = (): void => void child.kill("SIGKILL");
    this.#stop.signal.addEventListener("abort", end);
    try {
      const reportsCalls = onCall !== undefined;
      const data = { settings: this.#settings, limits, serverKey, directory, servers, now: now(), reportsCalls };
      const url = await calls.call("listen", data);
      this.#running = { child, calls };
      logger.info({ api: url, pid: child.pid, worker: NAME }, "the API's process listens");
      return url;
    } catch (error) {
      end();
      throw error;
    } finally {
      this.#stop.signal.removeEventListener("abort", end);
    }
  }

  #onEnd(ending: { readonly exitCode: number | null; readonly signal: string | null }): void {
    this.#running = undefined;
    if (this.#closing !== undefined) return;
    this.#options.logger.error({ ...ending, worker: NAME }, "the API's process crashed and is started again");
    this.#options.onCrash();
    this.#restarting = this.#restart();
  }

  async #restart(): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 1; ; attempt++) {
      await sleep(backoffMs(attempt, RESTART), signal);
      await this.#changing;
      if (signal.aborted) return;
      try {
        await this.#run();
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.error({ err: error, worker: NAME }, "the API's process could not be started again");
      }
    }
  }
}
