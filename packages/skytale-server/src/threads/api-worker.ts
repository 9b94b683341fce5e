// The entry of the thread that runs the API. It holds no records: it asks the thread that started it for them.
import { parentPort, workerData } from "node:worker_threads";
import { closeAll } from "@parley/core/internal";
import { Watchdog } from "@parley/server-command";
import { ApiHost, type ApiSettings } from "../api/api-host.ts";
import { readApiLimits, type ApiLimits } from "../api/limits.ts";
import { Services } from "../api/services.ts";
import { DoorReports } from "../door-reports.ts";
import { createMetrics, type MetricsSnapshot } from "../metrics.ts";
import { serverKeyOf } from "../server-key.ts";
import { forwardingLogger } from "./forwarded-log.ts";
import { RemoteRegistry, type RegistryMethods } from "./remote-registry.ts";
import { ThreadCalls } from "./thread-calls.ts";

/** What the API's thread is started with. */
export interface ApiWorkerData {
  readonly settings: ApiSettings;
  readonly limits: Partial<ApiLimits> | undefined;
  readonly serverKey: Uint8Array | undefined;
  readonly directory: string | undefined;
  readonly logLevel: string;
  /** The time by which records expire. */
  readonly now: number;
}

/** What the API's thread offers. */
export type ApiMethods = {
  /** Opens the port, and returns the API's origin. */
  readonly listen: () => Promise<string>;
  readonly sweep: (now: number) => Promise<void>;
  readonly metrics: () => Promise<MetricsSnapshot>;
  /** Ends the calls and frees the port. */
  readonly close: () => Promise<void>;
};

/** What the API's thread asks of the one that owns the records. */
export type OwnerMethods = RegistryMethods & {
  readonly failure: () => Promise<string | undefined>;
  readonly metricsText: () => Promise<string>;
  /** A line of the log. */
  readonly log: (line: string) => void;
};

const { settings, limits, serverKey, directory, logLevel, now } = workerData as ApiWorkerData;
if (parentPort === null) throw new TypeError("api-worker runs as a worker thread only");

/** The owner's time, which does not jump, and when it was told. */
let told = { now, at: performance.now() };
let isClosing = false;
let services: Services | undefined;
let host: ApiHost | undefined;
let watchdog: Watchdog | undefined;

const owner: ThreadCalls<OwnerMethods> = new ThreadCalls<OwnerMethods>(parentPort, {
  listen: async () => {
    const registry = new RemoteRegistry(owner);
    const sealingKey = await serverKeyOf({ directory, registry }, serverKey);
    const expiryNow = (): number => told.now + (performance.now() - told.at);
    services = await Services.open({ registry, limits: readApiLimits(limits), sealingKey, expiryNow });
    host = await ApiHost.listen(
      {
        services,
        logger,
        metrics,
        reports: new DoorReports(logger, metrics),
        status: { isReady: () => !isClosing, failure: () => owner.call("failure"), metricsText: () => owner.call("metricsText") },
        onWork: (what, account) => watchdog?.note(what, account),
        onFailure: (error) => {
          metrics.failures.inc();
          logger.error({ err: error }, "the API failed at something that no client can be told of");
        },
      },
      settings,
    );
    // Only now: starting takes a while.
    watchdog = new Watchdog({ onHeld: (held) => logger.warn(held, "event loop held") });
    return host.url;
  },
  sweep: async (ownerNow) => {
    told = { now: ownerNow, at: performance.now() };
    await host?.sweep();
  },
  metrics: () => metrics.snapshot(),
  close: async () => {
    isClosing = true;
    await closeAll(
      () => watchdog?.close(),
      () => host?.close(),
    );
  },
} satisfies ApiMethods);

const logger = forwardingLogger(logLevel, (line) => owner.send("log", line));
const metrics = createMetrics({ waiting: () => services?.signals.size ?? 0 });
