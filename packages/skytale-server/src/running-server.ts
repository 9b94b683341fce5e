import { resolve } from "node:path";
import {
  type CreatedBackup,
  proxyTrust,
  type ServerConsole,
  ServerLifecycle,
  type ServerStorage,
  type StartedParts,
} from "@parley/server-kit";
import { checkOptions, closeTogether, IS_TEXT, type OptionCheck } from "@parley/core/internal";
import type { Logger } from "pino";
import type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
import { attachSkytale } from "./admin/skytale-source.ts";
import type { SkytaleRecorder } from "./admin/skytale-recorder.ts";
import type { CompletedCall } from "./api/http/server.ts";
import { ApiHost, type ApiSettings, type ApiSide } from "./api/api-host.ts";
import { healthOfWrites, listenStatus, portOf, type HealthCheck, type StatusListener, type StatusSource } from "@parley/server-kit/http";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";
import type { Services } from "./api/services.ts";
import { signingKeys } from "./api/records.ts";
import { isNews, readNews } from "./api/registry-news.ts";
import type { RegistryNews } from "./registry/jetstream-registry.ts";
import { RejectionReports } from "./rejection-reports.ts";
import { createMetrics, type Metrics, metricsText } from "./metrics.ts";
import type { ReadSkytaleOptions } from "./options.ts";
import { listenGrpc, type GrpcListener } from "./relay/grpc-server.ts";
import { Relay } from "./relay/relay.ts";
import type { SkytaleServer } from "./skytale-server.ts";
import { ServerOperator } from "./server-operator.ts";
import type { SharedStorage, Stores } from "./stores.ts";
import { traceFanOut, tracePublish } from "./trace-publish.ts";
import { ApiProcess } from "./workers/api-process.ts";

/** Components of a {@link RunningServer}. */
export interface ServerParts extends StartedParts {
  readonly stores: Stores;
  readonly services: Services;
  readonly options: ReadSkytaleOptions;
  readonly apiKey: string | undefined;
}

const IS_MODE: OptionCheck = { expected: '"live" or "test"', is: (value) => value === "live" || value === "test" };

/** Interval of periodic maintenance (clock, expiry, signing keys), in milliseconds. */
const SWEEP_MS = 60_000;

/** Wires the components of a server and runs periodic maintenance every minute. */
export class RunningServer implements SkytaleServer {
  readonly apiKey: string | undefined;
  readonly #lifecycle: ServerLifecycle;
  readonly #storage: ServerStorage;
  readonly #stores: Stores;
  readonly #services: Services;
  readonly #options: ReadSkytaleOptions;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #reports: RejectionReports;
  readonly #relay: Relay;
  readonly #console: ServerConsole | undefined;
  readonly #recorder: SkytaleRecorder | undefined;
  readonly #operator: ServerOperator;
  #api: ApiSide | undefined;
  /** The API, if it runs in a process of its own. */
  #process: ApiProcess | undefined;
  #listener: GrpcListener | undefined;
  #status: StatusListener | undefined;

  private constructor({ storage, stores, services, options, logger, apiKey, ownConsole, hub }: ServerParts) {
    this.apiKey = apiKey;
    this.#storage = storage;
    this.#stores = stores;
    this.#services = services;
    this.#options = options;
    this.#logger = logger;
    this.#console = ownConsole;
    this.#operator = new ServerOperator({ storage, stores, services, options, relay: () => this.#relay, apiProcess: () => this.#process });
    this.#recorder =
      hub &&
      attachSkytale(hub, {
        storage,
        stores,
        services,
        options,
        relay: () => this.#relay,
        urls: () => ({ api: this.apiUrl, relay: this.relayUrl }),
        operator: this.#operator,
        revokeApiKey: (id) => this.revokeApiKey(id),
      });
    this.#metrics = createMetrics({
      ...(options.workers !== true && { waiting: () => services.signals.size }),
      clockHeldBackMs: () => storage.clock.heldBackMs,
      relay: () => this.#relay.counts,
      writes: storage.environment?.writes,
    });
    this.#reports = new RejectionReports(logger, this.#metrics);
    this.#lifecycle = new ServerLifecycle({
      noun: "server",
      logger,
      storage,
      ownConsole,
      listen: () => this.#listen(),
      tasks: [{ everyMs: SWEEP_MS, run: () => this.#sweep() }],
      stop: () => this.#stop(),
      onDamaged: () => this.#metrics.damagedRecords.inc(),
      onFailure: (error) => this.#fail(error),
    });
    const { log, welcomes } = stores.logs;
    const isTracing = logger.isLevelEnabled("debug");
    const { telemetry } = options;
    this.#relay = new Relay({
      log,
      welcomes,
      access: services.access,
      servers: stores.shared?.servers,
      isCutOff: stores.shared === undefined ? undefined : async () => (await stores.shared?.checkHealth())?.ok === false,
      limits: options.limits.relay,
      retention: options.retention,
      observer: {
        ...this.#metrics.relay,
        onWork: (what, account) => this.#lifecycle.watchdog.note(what, account),
        onPublished: (messages, bytes, about) => {
          const { channel, accountId, kind, commits, ms } = about;
          this.#metrics.relay.onPublished(messages, bytes, about);
          this.#recorder?.published(messages, bytes, about);
          if (telemetry !== undefined) tracePublish(telemetry, { messages, bytes, channel, ms });
          if (isTracing) logger.debug({ channel, account: accountId, kind, messages, commits, bytes }, "published");
        },
        onFannedOut: telemetry && ((about) => traceFanOut(telemetry, about)),
        onOpened: (account) => {
          this.#recorder?.record({ kind: "stream-opened", account });
          logger.debug({ account }, "stream opened");
        },
        onClosed: (account) => {
          this.#recorder?.record({ kind: "stream-closed", account });
          logger.debug({ account }, "stream closed");
        },
        onRefused: (what, code) => {
          this.#metrics.relay.onRefused(what, code);
          this.#recorder?.refused(what, code);
          logger.debug({ what, code }, "rejected by the relay");
          if (code === "unauthenticated") this.#reports.rejectedKey({ door: "relay", code });
        },
        onFailure: (error) => this.#fail(error),
      },
    });
  }

  /** Opens the ports, or none. @throws the system's error, with its remedy, when a port is not available */
  static async start(parts: ServerParts): Promise<RunningServer> {
    const server = new RunningServer(parts);
    await server.#lifecycle.start();
    return server;
  }

  get apiUrl(): string {
    return this.#api?.url ?? "";
  }

  get apiPort(): number {
    return portOf(this.apiUrl);
  }

  get adminUrl(): string | undefined {
    return this.#console?.url;
  }

  get metricsUrl(): string | undefined {
    return this.#status?.url;
  }

  get relayUrl(): string {
    return this.#listener?.url ?? "";
  }

  get relayPort(): number {
    return this.#listener?.port ?? 0;
  }

  async #listen(): Promise<{ readonly api: string; readonly relay: string }> {
    const { relayPort, host, tls, metricsPort, trustProxy } = this.#options;
    const status: StatusSource = {
      metricsText: async () => metricsText([await this.#metrics.snapshot(), (await this.#process?.metrics()) ?? []]),
      isReady: () => !this.#lifecycle.isClosing,
      checkHealth: () => this.#checkHealth(),
      checkSharedStorage: this.#stores.shared?.checkHealth,
    };
    this.#api = await this.#startApi(status);
    if (this.#stores.shared !== undefined) await this.#follow(this.#stores.shared);
    if (metricsPort !== undefined) this.#status = await listenStatus(status, { port: metricsPort, host });
    const isServing = async (): Promise<boolean> => {
      const { shared } = this.#stores;
      return (await this.#storage.checkWrites()).ok && (shared === undefined || (await shared.checkHealth()).ok);
    };
    this.#listener = await listenGrpc(this.#relay, {
      port: relayPort,
      host,
      isServing,
      // A number of proxies concerns the API alone: clients that reach the relay directly could write any address.
      trustsProxy: proxyTrust(typeof trustProxy === "object" ? trustProxy : false),
      onDropped: (reason) => this.#reports.dropped("relay", reason),
      ...(tls !== undefined && { tls }),
    });
    return { api: this.apiUrl, relay: this.relayUrl };
  }

  async #startApi(status: StatusSource): Promise<ApiSide> {
    const { port, host, tls, signup, trustProxy, metricsPort, serverKey, workers, limits } = this.#options;
    const settings: ApiSettings = { host, port, tls, openSignup: signup === "open", trustProxy, hasStatus: metricsPort === undefined };
    if (workers !== true) {
      const parts = {
        services: this.#services,
        logger: this.#logger,
        metrics: this.#metrics,
        reports: this.#reports,
        status,
        onWork: (what: string, account: string) => this.#lifecycle.watchdog.note(what, account),
        onCall: (call: CompletedCall) => this.#recorder?.called(call),
        onFailure: (error: unknown) => this.#fail(error),
      };
      return ApiHost.listen(parts, settings);
    }
    const { directory, clock } = this.#storage;
    const { shared } = this.#stores;
    this.#process = await ApiProcess.start({
      settings,
      limits: limits.api,
      serverKey,
      directory,
      registry: this.#stores.registry,
      logger: this.#logger,
      now: () => clock.now(),
      checkHealth: status.checkHealth,
      checkSharedStorage: status.checkSharedStorage,
      servers: shared?.servers(),
      metricsText: status.metricsText,
      onCall: this.#recorder && ((call) => this.#recorder?.called(call)),
      onCrash: () => this.#metrics.crashes.inc(),
    });
    return this.#process;
  }

  async #follow(shared: SharedStorage): Promise<void> {
    shared.onChanges((changes) => this.#passOn(changes));
    // Another server may have created a key since the keys were read.
    this.#process?.take([[signingKeys.prefix, undefined]]);
    await this.#services.signingKeys.refresh();
  }

  /** Tells the API what was changed in the registry, perhaps by another server. */
  #passOn(changes: readonly RegistryNews[]): void {
    const needed = changes.filter(([key]) => isNews(key));
    if (needed.length === 0) return;
    this.#process?.take(needed);
    this.#services.take(readNews(needed)).catch((error: unknown) => this.#fail(error));
  }

  /** Whether the server can work: store records, and serve the API. */
  async #checkHealth(): Promise<HealthCheck> {
    const writes = healthOfWrites(await this.#storage.checkWrites());
    return writes.ok ? (this.#process?.checkHealth() ?? writes) : writes;
  }

  async createAccount(options: AccountOptions): Promise<CreatedAccount> {
    this.#lifecycle.assertOpen();
    if (options === undefined) throw new TypeError('An account needs options such as { email: "ops@acme.example", name: "Acme" }');
    checkOptions<AccountOptions>(options, { email: IS_TEXT, name: IS_TEXT });
    return this.#services.accounts.create(options);
  }

  async listAccounts(options: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Account[]> {
    this.#lifecycle.assertOpen();
    return this.#services.accounts.list(options);
  }

  async createApiKey(accountId: string, options: ApiKeyOptions = {}): Promise<CreatedApiKey> {
    this.#lifecycle.assertOpen();
    checkOptions<ApiKeyOptions>(options, { name: IS_TEXT, mode: IS_MODE });
    return this.#services.keys.create(accountId, options);
  }

  async revokeApiKey(id: string): Promise<void> {
    this.#lifecycle.assertOpen();
    return this.#services.keys.revoke(id);
  }

  async listApiKeys(accountId: string): Promise<readonly ApiKeyInfo[]> {
    this.#lifecycle.assertOpen();
    return this.#services.keys.list(accountId);
  }

  async deleteChannel(name: string): Promise<void> {
    this.#lifecycle.assertOpen();
    return this.#operator.deleteChannel(name);
  }

  async deleteAccount(id: string, { withChannels = false }: { readonly withChannels?: boolean } = {}): Promise<readonly string[]> {
    this.#lifecycle.assertOpen();
    return this.#operator.deleteAccount(id, withChannels);
  }

  async rotateServerKey(): Promise<void> {
    this.#lifecycle.assertOpen();
    return this.#operator.rotateServerKey();
  }

  async backup(directory: string): Promise<CreatedBackup> {
    this.#lifecycle.assertOpen();
    return this.#operator.backup(resolve(directory));
  }

  close(): Promise<void> {
    return this.#lifecycle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sweep(): Promise<void> {
    const { clock } = this.#storage;
    await clock.keep();
    await this.#api?.sweep(clock.now(), this.#stores.shared?.servers());
    await this.#services.signingKeys.refresh();
  }

  #fail(error: unknown): void {
    this.#metrics.failures.inc();
    this.#recorder?.record({ kind: "failure", reason: "internal failure: see the server's log" });
    this.#logger.error({ err: error }, "internal failure outside of a request");
  }

  async #stop(): Promise<void> {
    await closeTogether(
      () => this.#api?.close(),
      () => this.#status?.close(),
      () => this.#listener?.close() ?? this.#relay.close(),
    );
  }
}
