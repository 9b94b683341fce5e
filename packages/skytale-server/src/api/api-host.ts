import { readFile } from "node:fs/promises";
import { closeAll } from "@parley/core/internal";
import { proxyTrust, type TrustProxy } from "@parley/server-kit";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { RejectionReports } from "../rejection-reports.ts";
import type { Metrics } from "../metrics.ts";
import { type CompletedCall, createApiServer } from "./http/server.ts";
import { listen, type StatusSource } from "@parley/server-kit/http";
import type { Services } from "./services.ts";

/** Where the API listens, and for whom. It can be cloned: it crosses to another process. */
export interface ApiSettings {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly openSignup: boolean;
  readonly trustProxy?: TrustProxy | undefined;
  /** Whether `/health`, `/ready` and `/metrics` are on the API's port. */
  readonly hasStatus: boolean;
}

/** The API, wherever it runs. */
export interface ApiSide {
  /** Origin of the API. */
  readonly url: string;
  /** Called once a minute. @param now the time by which records expire. @param servers how many servers share the records. */
  sweep(now: number, servers?: number): Promise<void>;
  /** Answers waiting calls, lets pending calls finish, and frees the port. Idempotent. */
  close(): Promise<void>;
}

/** Parts of {@link ApiHost}. The caller owns and closes them. */
export interface ApiHostParts {
  readonly services: Services;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly reports: RejectionReports;
  readonly status: StatusSource;
  readonly onWork: (what: string, accountId: string) => void;
  /** Called after each call. */
  readonly onCall?: (call: CompletedCall) => void;
  readonly onFailure: (error: unknown) => void;
}

/** How long calls have to end when the server stops, in milliseconds. */
const CLOSE_GRACE_MS = 2000;

/** The API in this process: its HTTP server and the expiry of its records. */
export class ApiHost implements ApiSide {
  readonly url: string;
  readonly #services: Services;
  readonly #app: FastifyInstance;
  #closing: Promise<void> | undefined;

  private constructor(url: string, services: Services, app: FastifyInstance) {
    this.url = url;
    this.#services = services;
    this.#app = app;
  }

  /** @throws the system's error, with its remedy, when the port can't be listened on */
  static async listen(parts: ApiHostParts, { host, port, tls, openSignup, trustProxy, hasStatus }: ApiSettings): Promise<ApiHost> {
    const { services, logger, metrics, reports, status, onWork, onCall, onFailure } = parts;
    const app = await createApiServer({
      services,
      requests: metrics.requests,
      ...status,
      hasStatus,
      tls: tls === undefined ? undefined : { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) },
      openSignup,
      trustsProxy: proxyTrust(trustProxy),
      onResponse: (call) => {
        logger.debug(call, "call completed");
        onCall?.(call);
        if (call.status === 401) reports.rejectedKey({ door: "api", code: call.code, address: call.address });
      },
      onWork,
      onDropped: (reason) => reports.dropped("api", reason),
      onFailure,
    });
    return new ApiHost(`${tls === undefined ? "http" : "https"}://${await listen(app, { port, host, option: "port" })}`, services, app);
  }

  sweep(): Promise<void> {
    return this.#services.maintain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const grace = setTimeout(() => this.#app.server.closeAllConnections(), CLOSE_GRACE_MS);
    await closeAll(
      () => this.#services.signals.close(),
      () => this.#app.close(),
      () => clearTimeout(grace),
    );
  }
}
