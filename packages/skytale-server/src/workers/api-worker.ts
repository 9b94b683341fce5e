// The program of the process that runs the API. It stores no records: it reads and writes them through the process that started it.
import { closeAll } from "@parley/core/internal";
import { Watchdog } from "@parley/server-kit";
import type { HealthCheck } from "@parley/server-kit/http";
import type { SealingKey } from "@parley/storage";
import { isShownCall } from "../admin/shown-call.ts";
import { ApiHost, type ApiSettings } from "../api/api-host.ts";
import type { CompletedCall } from "../api/http/server.ts";
import type { ApiLimits } from "../api/limits.ts";
import { readNews } from "../api/registry-news.ts";
import { Services } from "../api/services.ts";
import type { SigningKeys } from "../api/signing-keys.ts";
import type { RegistryNews } from "../registry/jetstream-registry.ts";
import { RejectionReports } from "../rejection-reports.ts";
import { createMetrics, type MetricsSnapshot } from "../metrics.ts";
import { serverKeyOf } from "../server-key.ts";
import { forwardingLogger } from "./forwarded-log.ts";
import { RemoteRegistry, type RegistryMethods } from "./remote-registry.ts";
import { ProcessCalls } from "./calls.ts";

/** Start parameters of the API's process. */
export interface ApiWorkerData {
  readonly settings: ApiSettings;
  readonly limits: ApiLimits;
  readonly serverKey: Uint8Array | undefined;
  readonly directory: string | undefined;
  /** The time by which records expire. */
  readonly now: number;
  /** How many servers share the records; absent: this one alone has them. */
  readonly servers: number | undefined;
  /** Whether completed calls are reported, for the console. */
  readonly reportsCalls: boolean;
}

/** What the API's process offers. */
export type ApiMethods = {
  /** Opens the port, and returns the API's origin. */
  readonly listen: (data: ApiWorkerData) => Promise<string>;
  readonly sweep: (now: number, servers?: number) => Promise<void>;
  /** What was changed in the registry, perhaps by another server. */
  readonly take: (changes: readonly RegistryNews[]) => Promise<void>;
  readonly metrics: () => Promise<MetricsSnapshot>;
  /** Holds back changes of the signing keys, which the owner changes. */
  readonly holdSigningKeys: () => Promise<void>;
  /** Reads the server key and the signing keys again, and ends the hold. The process ends if that fails. */
  readonly releaseSigningKeys: () => Promise<void>;
  /** Ends the calls and frees the port. */
  readonly close: () => Promise<void>;
};

/** The calls of the API's process to the process that owns the records. */
export type OwnerMethods = RegistryMethods & {
  readonly checkHealth: () => Promise<HealthCheck>;
  readonly checkSharedStorage: () => Promise<HealthCheck>;
  readonly metricsText: () => Promise<string>;
  /** A completed call, if they are reported. */
  readonly called: (call: CompletedCall) => void;
  /** A line of the log. */
  readonly log: (line: string) => void;
};

/** The owner's time, which does not jump, and when it was received. */
let told = { now: 0, at: 0 };
let servers = 1;
let isClosing = false;
let services: Services | undefined;
let host: ApiHost | undefined;
let watchdog: Watchdog | undefined;
let readServerKey: (() => Promise<SealingKey | undefined>) | undefined;
/** Resolves to what ends a hold of the signing keys. */
let held: ReturnType<SigningKeys["hold"]> | undefined;

const owner: ProcessCalls<OwnerMethods> = new ProcessCalls<OwnerMethods>(process, {
  listen: async ({ settings, limits, serverKey, directory, now, servers: count = 1, reportsCalls }) => {
    servers = count;
    told = { now, at: performance.now() };
    const registry = new RemoteRegistry(owner);
    readServerKey = () => serverKeyOf({ directory, registry }, serverKey);
    const sealingKey = await readServerKey();
    const expiryNow = (): number => told.now + (performance.now() - told.at);
    services = await Services.open({ registry, limits, sealingKey, servers: () => servers, expiryNow });
    host = await ApiHost.listen(
      {
        services,
        logger,
        metrics,
        reports: new RejectionReports(logger, metrics),
        status: {
          isReady: () => !isClosing,
          checkHealth: () => owner.call("checkHealth"),
          checkSharedStorage: () => owner.call("checkSharedStorage"),
          metricsText: () => owner.call("metricsText"),
        },
        onWork: (what, account) => watchdog?.note(what, account),
        ...(reportsCalls && {
          onCall: (call) => {
            if (isShownCall(call)) owner.send("called", call);
          },
        }),
        onFailure: (error) => {
          metrics.failures.inc();
          logger.error({ err: error }, "internal failure outside of a request");
        },
      },
      settings,
    );
    // Only now: starting takes a while.
    watchdog = new Watchdog({ onHeld: (held) => logger.warn(held, "event loop held") });
    return host.url;
  },
  take: async (changes) => services?.take(readNews(changes)),
  sweep: async (ownerNow, count = 1) => {
    servers = count;
    told = { now: ownerNow, at: performance.now() };
    await host?.sweep();
  },
  metrics: () => metrics.snapshot(),
  holdSigningKeys: async () => {
    held = services?.signingKeys.hold();
    await held;
  },
  releaseSigningKeys: async () => {
    try {
      const release = await held;
      await release?.(await readServerKey?.());
    } catch (error) {
      logger.fatal({ err: error }, "the server key can't be read again after its rotation");
      // Started again, the process reads all keys.
      process.exit(1);
    }
  },
  close: async () => {
    isClosing = true;
    await closeAll(
      () => watchdog?.close(),
      () => host?.close(),
    );
  },
} satisfies ApiMethods);

const logger = forwardingLogger(process.argv[2] ?? "silent", (line) => owner.send("log", line));
const metrics = createMetrics({ waiting: () => services?.signals.size ?? 0 });

// Signals reach all processes of a terminal: so they are ignored here. The owner ends this process, or it ends when the owner has exited.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
process.once("disconnect", () => process.exit());
