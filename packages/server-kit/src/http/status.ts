import { systemReason } from "@parley/core/internal";
import { fastify, type FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import { listen } from "./listen.ts";
import { HIDDEN } from "./openapi.ts";

/** Whether a server can work, or the reason why it can't. */
export type HealthCheck = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Sources of a server's status. */
export interface StatusSource {
  /** The metrics in the text format of Prometheus. */
  readonly metricsText: () => Promise<string>;
  /** Whether the server accepts requests. */
  readonly isReady: () => boolean;
  /** Called for `/health` and `/ready` while the server is ready. */
  readonly checkHealth: () => Promise<HealthCheck>;
  /** Called for `/ready` in addition: whether storage that servers share can be used. Absent without such storage. */
  readonly checkSharedStorage?: (() => Promise<HealthCheck>) | undefined;
}

/** Time limit for receiving a request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Time that an idle connection is kept, in milliseconds. */
const KEEP_ALIVE_MS = 5000;

/**
 * Adds `/health`, `/ready` and `/metrics`. A server whose `/health` fails needs attention or a restart; one whose `/ready` fails should get no new
 * connections from a load balancer, which may have a cause outside of the server.
 */
export function addStatusRoutes(app: FastifyInstance, { metricsText, isReady, checkHealth, checkSharedStorage }: StatusSource): void {
  const addCheck = (path: string, check: () => Promise<HealthCheck>): void => {
    app.get(path, { schema: HIDDEN }, async (_request, reply) => {
      const health: HealthCheck = isReady() ? await check() : { ok: true };
      if (!health.ok) return reply.code(503).send({ status: "failing", reason: health.reason });
      // It may have begun to stop during the check.
      const ready = isReady();
      return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "stopping" });
    });
  };
  addCheck("/health", checkHealth);
  addCheck("/ready", async () => {
    const health = await checkHealth();
    return health.ok && checkSharedStorage !== undefined ? checkSharedStorage() : health;
  });
  app.get("/metrics", { schema: HIDDEN }, async (_request, reply) =>
    reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await metricsText()),
  );
}

/** The health of a server whose writes to disk were checked. */
export function healthOfWrites(check: { readonly ok: true } | { readonly ok: false; readonly error: Error }): HealthCheck {
  return check.ok ? check : { ok: false, reason: `writes fail: ${systemReason(check.error)}` };
}

/** A port with `/health`, `/ready` and `/metrics` only. */
export interface StatusListener {
  /** Its origin. */
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the port of `metricsPort`, for `/health`, `/ready` and `/metrics` only. @throws the system's error, with its remedy */
export async function listenStatus(source: StatusSource, place: { readonly host: string; readonly port: number }): Promise<StatusListener> {
  const app = fastify({ logger: false, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, forceCloseConnections: true });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: "this port has /health, /ready and /metrics only", code: "not_found" }),
  );
  ignoreBodies(app);
  addStatusRoutes(app, source);
  const url = `http://${await listen(app, { ...place, option: "metricsPort" })}`;
  return { url, close: () => app.close() };
}

/** Discards the bodies of requests that need none. */
export function ignoreBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => {
    payload.resume();
    done(null);
  });
}
