import { fastify, type FastifyInstance } from "fastify";
import { Registry } from "prom-client";

/** Sources of a server's status. */
export interface StatusSource {
  /** The metrics in the text format of Prometheus. */
  readonly metricsText: () => Promise<string>;
  /** Whether the server takes calls. */
  readonly isReady: () => boolean;
  /** Why the server can't do its work now; `undefined` while it can. */
  readonly failure: () => Promise<string | undefined>;
}

/** Adds `/health` and `/metrics`. */
export function addStatusRoutes(app: FastifyInstance, { metricsText, isReady, failure }: StatusSource): void {
  app.get("/health", { schema: { hide: true } }, async (_request, reply) => {
    const reason = isReady() ? await failure() : undefined;
    if (reason !== undefined) return reply.code(503).send({ status: "failing", reason });
    const ready = isReady();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "stopping" });
  });
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) =>
    reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await metricsText()),
  );
}

/** A server of `/health` and `/metrics` alone, for a port of its own. */
export function createStatusServer(source: StatusSource): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "not found", code: "not_found" }));
  addStatusRoutes(app, source);
  return app;
}
