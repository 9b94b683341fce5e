import { proxyTrust, repeat, Watchdog } from "@parley/server-kit";
import type { FastifyInstance } from "fastify";
import { StorageError } from "@parley/storage";
import { checkOptions, closeAll, closeQuietly, closeTogether, IS_TEXT, type OptionCheck } from "@parley/core/internal";
import type { Logger } from "pino";
import type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
import { ApiHost, type ApiSettings, type ApiSide } from "./api/api-host.ts";
import { createStatusServer, healthOfWrites, listen, type HealthCheck, type StatusSource } from "@parley/server-kit/http";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";
import type { Services } from "./api/services.ts";
import { RejectionReports } from "./rejection-reports.ts";
import { createMetrics, type Metrics, metricsText } from "./metrics.ts";
import type { SkytaleOptions } from "./options.ts";
import { listenGrpc, type GrpcListener } from "./relay/grpc-server.ts";
import { Relay } from "./relay/relay.ts";
import type { SkytaleServer } from "./server.ts";
import type { Stores } from "./stores.ts";
import { ApiProcess } from "./workers/api-process.ts";

/** Components of a {@link RunningServer}. */
export interface ServerParts {
  readonly stores: Stores;
  readonly services: Services;
  readonly logger: Logger;
  readonly apiKey: string | undefined;
}

const IS_MODE: OptionCheck = { expected: '"live" or "test"', is: (value) => value === "live" || value === "test" };

/** Interval of periodic maintenance (clock, expiry, signing keys), in milliseconds. */
const SWEEP_MS = 60_000;

/** Wires the components of a server and runs periodic maintenance every minute. */
export class RunningServer implements SkytaleServer {
  readonly apiKey: string | undefined;
  readonly #stores: Stores;
  readonly #services: Services;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #reports: RejectionReports;
  readonly #relay: Relay;
  readonly #watchdog: Watchdog;
  #api: ApiSide | undefined;
  /** The API, if it runs in a process of its own. */
  #process: ApiProcess | undefined;
  #listener: GrpcListener | undefined;
  #status: FastifyInstance | undefined;
  #metricsUrl: string | undefined;
  #stopSweeps: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor({ stores, services, logger, apiKey }: ServerParts, options: SkytaleOptions) {
    this.apiKey = apiKey;
    this.#stores = stores;
    this.#services = services;
    this.#logger = logger;
    this.#metrics = createMetrics({
      ...(options.workers !== true && { waiting: () => services.signals.size }),
      clockHeldBackMs: () => stores.clock.heldBackMs,
      relay: () => this.#relay.counts,
    });
    this.#reports = new RejectionReports(logger, this.#metrics);
    stores.onDamaged(({ table, key, bytes }) => {
      this.#metrics.damagedRecords.inc();
      logger.error({ table, key: Buffer.from(key).toString("hex"), bytes }, "damaged record found: the disk or the memory is failing");
    });
    this.#watchdog = new Watchdog({ onHeld: (held) => logger.warn(held, "event loop held") });
    const { log, welcomes } = stores.logs;
    const isTracing = logger.isLevelEnabled("debug");
    this.#relay = new Relay({
      log,
      welcomes,
      access: services.access,
      limits: options.limits?.relay ?? {},
      retention: options.retention,
      observer: {
        ...this.#metrics.relay,
        onWork: (what, account) => this.#watchdog.note(what, account),
        onPublished: (messages, bytes, { channel, accountId, kind, commits }) => {
          this.#metrics.relay.onPublished(messages, bytes);
          if (isTracing) logger.debug({ channel, account: accountId, kind, messages, commits, bytes }, "published");
        },
        onOpened: (account) => logger.debug({ account }, "stream opened"),
        onClosed: (account) => logger.debug({ account }, "stream closed"),
        onRefused: (what, code) => {
          this.#metrics.relay.onRefused(what, code);
          logger.debug({ what, code }, "rejected by the relay");
          if (code === "unauthenticated") this.#reports.rejectedKey({ door: "relay", code });
        },
        onFailure: (error) => this.#fail(error),
      },
    });
  }

  /** Opens both ports, or none. */
  static async start(parts: ServerParts, options: SkytaleOptions): Promise<RunningServer> {
    const server = new RunningServer(parts, options);
    try {
      await server.#listen(options);
      return server;
    } catch (error) {
      await closeQuietly(() => server.#stop());
      throw error;
    }
  }

  get apiUrl(): string {
    return this.#api?.url ?? "";
  }

  get apiPort(): number {
    return Number(new URL(this.apiUrl).port);
  }

  get metricsUrl(): string | undefined {
    return this.#metricsUrl;
  }

  get relayUrl(): string {
    return this.#listener?.url ?? "";
  }

  get relayPort(): number {
    return this.#listener?.port ?? 0;
  }

  async #listen(options: SkytaleOptions): Promise<void> {
    const { relayPort = 5000, host = "127.0.0.1", tls, metricsPort, trustProxy } = options;
    const status: StatusSource = {
      metricsText: async () => metricsText([await this.#metrics.snapshot(), (await this.#process?.metrics()) ?? []]),
      isReady: () => this.#closing === undefined,
      checkHealth: () => this.#checkHealth(),
    };
    this.#api = await this.#startApi(options, status);
    if (metricsPort !== undefined) {
      this.#status = createStatusServer(status);
      this.#metricsUrl = `http://${await listen(this.#status, { port: metricsPort, host, option: "metricsPort" })}`;
    }
    const isServing = async (): Promise<boolean> => (await this.#stores.checkWrites()).ok;
    this.#listener = await listenGrpc(this.#relay, {
      port: relayPort,
      host,
      isServing,
      // A number of proxies concerns the API alone: clients that reach the relay directly could write any address.
      trustsProxy: proxyTrust(typeof trustProxy === "object" ? trustProxy : false),
      onDropped: (reason) => this.#reports.dropped("relay", reason),
      ...(tls !== undefined && { tls }),
    });
    this.#stopSweeps = repeat(
      SWEEP_MS,
      () => this.#sweep(),
      (error) => this.#fail(error),
    );
    this.#logger.info({ api: this.apiUrl, relay: this.relayUrl }, "listening");
  }

  async #startApi(options: SkytaleOptions, status: StatusSource): Promise<ApiSide> {
    const { port = 5100, host = "127.0.0.1", tls, signup = "open", trustProxy, metricsPort, serverKey } = options;
    const settings: ApiSettings = { host, port, tls, openSignup: signup === "open", trustProxy, hasStatus: metricsPort === undefined };
    if (options.workers !== true) {
      const parts = {
        services: this.#services,
        logger: this.#logger,
        metrics: this.#metrics,
        reports: this.#reports,
        status,
        onWork: (what: string, account: string) => this.#watchdog.note(what, account),
        onFailure: (error: unknown) => this.#fail(error),
      };
      return ApiHost.listen(parts, settings);
    }
    const { registry, directory, clock } = this.#stores;
    this.#process = await ApiProcess.start({
      settings,
      limits: options.limits?.api,
      serverKey,
      directory,
      registry,
      logger: this.#logger,
      now: () => clock.now(),
      checkHealth: status.checkHealth,
      metricsText: status.metricsText,
      onCrash: () => this.#metrics.crashes.inc(),
    });
    return this.#process;
  }

  /** Whether the server can work: store records, and serve the API. */
  async #checkHealth(): Promise<HealthCheck> {
    const writes = healthOfWrites(await this.#stores.checkWrites());
    return writes.ok ? (this.#process?.checkHealth() ?? writes) : writes;
  }

  async createAccount(options: AccountOptions): Promise<CreatedAccount> {
    this.#assertOpen();
    if (options === undefined) throw new TypeError('An account needs options such as { email: "ops@acme.example", name: "Acme" }');
    checkOptions<AccountOptions>(options, { email: IS_TEXT, name: IS_TEXT });
    return this.#services.accounts.create(options);
  }

  async listAccounts(options: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Account[]> {
    this.#assertOpen();
    return this.#services.accounts.list(options);
  }

  async createApiKey(accountId: string, options: ApiKeyOptions = {}): Promise<CreatedApiKey> {
    this.#assertOpen();
    checkOptions<ApiKeyOptions>(options, { name: IS_TEXT, mode: IS_MODE });
    return this.#services.keys.create(accountId, options);
  }

  async revokeApiKey(id: string): Promise<void> {
    this.#assertOpen();
    return this.#services.keys.revoke(id);
  }

  async listApiKeys(accountId: string): Promise<readonly ApiKeyInfo[]> {
    this.#assertOpen();
    return this.#services.keys.list(accountId);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StorageError("closed", "The server is closed");
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sweep(): Promise<void> {
    const { clock } = this.#stores;
    await clock.keep();
    await this.#api?.sweep(clock.now());
    await this.#services.signingKeys.refresh();
  }

  #fail(error: unknown): void {
    this.#metrics.failures.inc();
    this.#logger.error({ err: error }, "internal failure outside of a request");
  }

  async #close(): Promise<void> {
    await closeAll(
      () => this.#stop(),
      () => this.#stores.close(),
      () => this.#logger.info("stopped"),
    );
  }

  async #stop(): Promise<void> {
    this.#stopSweeps?.();
    this.#watchdog.close();
    await closeTogether(
      () => this.#api?.close(),
      () => this.#status?.close(),
      () => this.#listener?.close() ?? this.#relay.close(),
    );
  }
}
