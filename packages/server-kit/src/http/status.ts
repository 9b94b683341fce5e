import { fastify, type FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import { HIDDEN } from "./openapi.ts";

/** Sources of a server's status. */
export interface StatusSource {
  /** The metrics in the text format of Prometheus. */
  readonly metricsText: () => Promise<string>;
  /** Whether the server accepts requests. */
  readonly isReady: () => boolean;
  /** Why the server can't work at present; `undefined` if it can. */
  readonly failure: () => Promise<string | undefined>;
}

/** Time limit for receiving a request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Time that an idle connection is kept, in milliseconds. */
const KEEP_ALIVE_MS = 5000;

/** Adds `/health` and `/metrics`. */
export function addStatusRoutes(app: FastifyInstance, { metricsText, isReady, failure }: StatusSource): void {
  app.get("/health", { schema: HIDDEN }, async (_request, reply) => {
    const reason = isReady() ? await failure() : undefined;
    if (reason !== undefined) return reply.code(503).send({ status: "failing", reason });
    const ready = isReady();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "stopping" });
  });
  app.get("/metrics", { schema: HIDDEN }, async (_request, reply) =>
    reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await metricsText()),
  );
}

/** Creates a server of `/health` and `/metrics` alone, for a port of its own. */
export function createStatusServer(source: StatusSource): FastifyInstance {
  const app = fastify({ logger: false, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, forceCloseConnections: true });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: "this port has /health and /metrics only", code: "not_found" }),
  );
  ignoreBodies(app);
  addStatusRoutes(app, source);
  return app;
}

/** Discards the bodies of requests that need none. */
export function ignoreBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => {
    payload.resume();
    done(null);
  });
}
