import { systemReason } from "@parley/core/internal";
import { fastify, type FastifyInstance } from "fastify";
import type { Metrics } from "../../metrics.ts";

/** What the status of a server is made of. */
export interface StatusOptions {
  readonly metrics: Metrics;
  /** Whether the server takes calls. */
  readonly isReady: () => boolean;
  /** Why nothing can be written now, if that is so. */
  readonly writeFailure: () => Promise<Error | undefined>;
}

/** Adds `/health` and `/metrics`. */
export function addStatusRoutes(app: FastifyInstance, { metrics, isReady, writeFailure }: StatusOptions): void {
  app.get("/health", { schema: { hide: true } }, async (_request, reply) => {
    const failure = isReady() ? await writeFailure() : undefined;
    if (failure !== undefined) return reply.code(503).send({ status: "failing", reason: `writes fail: ${systemReason(failure)}` });
    const ready = isReady();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "stopping" });
  });
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

/** A server of `/health` and `/metrics` alone, for a port of its own. */
export function createStatusServer(options: StatusOptions): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "not found", code: "not_found" }));
  addStatusRoutes(app, options);
  return app;
}
