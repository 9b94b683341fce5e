import { fastify, type FastifyInstance } from "fastify";
import type { Metrics } from "./metrics.ts";

/** What the HTTP side of a node shows. */
export interface HttpOptions {
  readonly metrics: Metrics;
  /** DID document that a path of a host stands for, by the rules of did:web; `undefined` if none is hosted. */
  documentAt(host: string, path: string): Promise<object | undefined>;
  /** TCP connections in all. */
  readonly maxConnections: number;
  /** Whether the node takes messages. */
  isReady(): boolean;
}

/** Largest body of an HTTP request, in bytes. */
const BODY_LIMIT = 1024 * 1024;

/** How long a request may take to arrive, in milliseconds: what is slower holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Builds the node's HTTP server: health, metrics, DID documents. Errors are `{"error": "…"}`. */
export function createHttpServer(options: HttpOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 4096 },
    forceCloseConnections: true,
  });
  app.server.maxConnections = options.maxConnections;
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "not found" }));
  app.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    return reply.code(status).send({ error: status < 500 ? error.message : "internal error" });
  });

  app.get("/health", (_request, reply) => {
    const ready = options.isReady();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "stopping" });
  });
  app.get("/metrics", async (_request, reply) => reply.type(options.metrics.contentType).send(await options.metrics.text()));
  app.get("/*", async (request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "/";
    const document = path.endsWith("/did.json") ? await options.documentAt(request.headers.host ?? "", path) : undefined;
    if (document === undefined) return reply.code(404).send({ error: "not found" });
    return reply.type("application/did+json").send(JSON.stringify(document));
  });
  return app;
}
