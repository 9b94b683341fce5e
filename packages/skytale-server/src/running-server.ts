import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { listenError, proxyTrust, Watchdog } from "@parley/server-command";
import type { FastifyInstance } from "fastify";
import { checkOptions, closeAll, closeQuietly, closeTogether, IS_TEXT, Throttle, type OptionCheck } from "@parley/core/internal";
import type { Logger } from "pino";
import type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
import { createApiServer } from "./api/http/server.ts";
import { createStatusServer, type StatusOptions } from "./api/http/status-routes.ts";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";
import type { Services } from "./api/services.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { SkytaleOptions } from "./options.ts";
import { listenGrpc, type GrpcListener } from "./relay/grpc-server.ts";
import { Relay } from "./relay/relay.ts";
import type { SkytaleServer } from "./server.ts";
import type { Stores } from "./stores.ts";

/** What a server is put together from. */
export interface ServerParts {
  readonly stores: Stores;
  readonly services: Services;
  readonly logger: Logger;
  readonly apiKey: string | undefined;
}

const IS_MODE: OptionCheck = { expected: '"live" or "test"', is: (value) => value === "live" || value === "test" };

/** How often what has an end is looked after, in milliseconds. */
const SWEEP_MS = 60_000;
/** Pause between lines of the log about refused keys and tokens, in milliseconds. */
const REFUSED_KEYS_MS = 1000;
/** How long calls have to end when the server stops, in milliseconds. */
const CLOSE_GRACE_MS = 2000;

/** A server: puts the parts together, and looks after them once a minute. */
export class RunningServer implements SkytaleServer {
  readonly apiKey: string | undefined;
  readonly #stores: Stores;
  readonly #services: Services;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #relay: Relay;
  readonly #droppedConnections = new Throttle(REFUSED_KEYS_MS);
  readonly #refusedKeys = new Throttle(REFUSED_KEYS_MS);
  readonly #watchdog: Watchdog;
  #api: FastifyInstance | undefined;
  #listener: GrpcListener | undefined;
  #status: FastifyInstance | undefined;
  #metricsUrl: string | undefined;
  #apiUrl = "";
  #sweeper: NodeJS.Timeout | undefined;
  #sweeping = false;
  #closing: Promise<void> | undefined;

  private constructor({ stores, services, logger, apiKey }: ServerParts, options: SkytaleOptions) {
    this.apiKey = apiKey;
    this.#stores = stores;
    this.#services = services;
    this.#logger = logger;
    this.#metrics = createMetrics({
      waiting: () => services.signals.size,
      clockHeldBackMs: () => stores.clock.heldBackMs,
      relay: () => this.#relay.counts,
    });
    stores.onDamaged(({ table, key, bytes }) => {
      this.#metrics.damagedRecords.inc();
      logger.error({ table, key: Buffer.from(key).toString("hex"), bytes }, "damaged record found: the disk or the memory is failing");
    });
    this.#watchdog = new Watchdog({ onHeld: (held) => logger.warn(held, "event loop held") });
    const { log, welcomes } = stores.logs;
    this.#relay = new Relay({
      log,
      welcomes,
      access: services.access,
      limits: options.limits?.relay ?? {},
      retention: options.retention,
      observer: {
        ...this.#metrics.relay,
        onWork: (what, account) => this.#watchdog.note(what, account),
        onOpened: (account) => logger.debug({ account }, "stream opened"),
        onClosed: (account) => logger.debug({ account }, "stream closed"),
        onRefused: (what, code) => {
          this.#metrics.relay.onRefused(what, code);
          logger.debug({ what, code }, "relay refused");
          if (code === "unauthenticated") this.#onRefusedKey({ door: "relay", code });
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
    return this.#apiUrl;
  }

  get apiPort(): number {
    return Number(new URL(this.#apiUrl).port);
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
    const { port = 5100, relayPort = 5000, host = "127.0.0.1", tls, signup = "open", trustProxy, metricsPort } = options;
    const status: StatusOptions = {
      metrics: this.#metrics,
      isReady: () => this.#closing === undefined,
      writeFailure: () => this.#stores.writeFailure(),
    };
    this.#api = await createApiServer({
      services: this.#services,
      ...status,
      hasStatus: metricsPort === undefined,
      tls: tls === undefined ? undefined : { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) },
      openSignup: signup === "open",
      trustsProxy: proxyTrust(trustProxy),
      onAnswered: (call) => {
        this.#logger.debug(call, "call answered");
        if (call.status === 401) this.#onRefusedKey({ door: "api", code: call.code, address: call.address });
      },
      onWork: (what, account) => this.#watchdog.note(what, account),
      onDropped: (reason) => this.#onDropped("api", reason),
      onFailure: (error) => this.#fail(error),
    });
    try {
      await this.#api.listen({ port, host });
    } catch (error) {
      throw listenError(error, { host, port, option: "port" });
    }
    this.#apiUrl = `${tls === undefined ? "http" : "https"}://${boundTo(this.#api)}`;
    if (metricsPort !== undefined) {
      this.#status = createStatusServer(status);
      try {
        await this.#status.listen({ port: metricsPort, host });
      } catch (error) {
        throw listenError(error, { host, port: metricsPort, option: "metricsPort" });
      }
      this.#metricsUrl = `http://${boundTo(this.#status)}`;
    }
    const isServing = async (): Promise<boolean> => (await this.#stores.writeFailure()) === undefined;
    this.#listener = await listenGrpc(this.#relay, {
      port: relayPort,
      host,
      isServing,
      onDropped: (reason) => this.#onDropped("relay", reason),
      ...(tls !== undefined && { tls }),
    });
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref();
    this.#logger.info({ api: this.apiUrl, relay: this.relayUrl }, "listening");
  }

  async createAccount(options: AccountOptions): Promise<CreatedAccount> {
    checkOptions<AccountOptions>(options, { email: IS_TEXT, name: IS_TEXT });
    return this.#services.accounts.create(options);
  }

  listAccounts(options: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Account[]> {
    return this.#services.accounts.list(options);
  }

  async createApiKey(accountId: string, options: ApiKeyOptions = {}): Promise<CreatedApiKey> {
    checkOptions<ApiKeyOptions>(options, { name: IS_TEXT, mode: IS_MODE });
    return this.#services.keys.create(accountId, options);
  }

  revokeApiKey(id: string): Promise<void> {
    return this.#services.keys.revoke(id);
  }

  listApiKeys(accountId: string): Promise<readonly ApiKeyInfo[]> {
    return this.#services.keys.list(accountId);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      await this.#stores.clock.keep();
      await this.#services.maintain();
    } catch (error) {
      this.#fail(error);
    }
    this.#sweeping = false;
  }

  /** Without the key. Strangers cause these lines, so they are limited in rate. */
  #onRefusedKey(about: object): void {
    this.#refusedKeys.run((omitted) => this.#logger.info({ ...about, ...(omitted > 0 && { omitted }) }, "key or token refused"));
  }

  #onDropped(door: "api" | "relay", reason: string): void {
    this.#metrics.dropped.inc({ door, reason });
    this.#droppedConnections.run((omitted) => this.#logger.warn({ door, reason, ...(omitted > 0 && { omitted }) }, "connection dropped"));
  }

  #fail(error: unknown): void {
    this.#metrics.failures.inc();
    this.#logger.error({ err: error }, "the server failed at something that no client can be told of");
  }

  async #close(): Promise<void> {
    await closeAll(
      () => this.#stop(),
      () => this.#stores.close(),
      () => this.#logger.info("stopped"),
    );
  }

  async #stop(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#watchdog.close();
    const grace = setTimeout(() => this.#api?.server.closeAllConnections(), CLOSE_GRACE_MS);
    await closeAll(
      () => this.#services.signals.close(),
      () =>
        closeTogether(
          () => this.#api?.close(),
          () => this.#status?.close(),
          () => this.#listener?.close() ?? this.#relay.close(),
        ),
      () => clearTimeout(grace),
    );
  }
}

/** Host and port. */
function boundTo({ server }: FastifyInstance): string {
  const { family, address, port } = server.address() as AddressInfo;
  return `${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
