import { systemReason } from "@parley/core/internal";
import { clientAddress, type Connections, type ProxyTrust } from "@parley/server-kit";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import { addDidDocuments } from "./did-documents.ts";
import type { Metrics } from "./metrics.ts";
import { answerTo } from "./rest/error-answer.ts";
import { addRest, type RestOptions } from "./rest/rest.ts";

/** Options of the node's HTTP server. */
export interface HttpOptions {
  readonly metrics: Metrics;
  readonly rest: Omit<RestOptions, "addressOf">;
  /**
   * Adds the routes for other nodes.
   *
   * @param addressOf the client's address.
   */
  addFederation(app: FastifyInstance, addressOf: (request: FastifyRequest) => string): void;
  /** The DID document for a path of a host, by did:web; `undefined` if no DID is hosted for it. */
  documentAt(host: string, path: string): Promise<object | undefined>;
  /** The proxies whose `X-Forwarded-For` is trusted. */
  readonly trustsProxy: ProxyTrust;
  /** Maximum TCP connections, and the connections without an API key. */
  readonly maxConnections: number;
  readonly connections: Connections;
  /** Time limit for the head of a connection's first request, in milliseconds. */
  readonly headTimeoutMs: number;
  /** Whether the node accepts messages. */
  isReady(): boolean;
  /** The error of failing writes, if writes fail. */
  writeFailure(): Promise<Error | undefined>;
  /** Whether this server has `/health` and `/metrics`. */
  readonly hasStatus: boolean;
}

/** Sources of `/health` and `/metrics`. */
export type StatusOptions = Pick<HttpOptions, "metrics" | "isReady" | "writeFailure">;

/** Maximum body of an HTTP request, in bytes: the largest signed presentation, and the JSON around it. */
const BODY_LIMIT = 1024 * 1024 + 64 * 1024;

/** Time limit for receiving a request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Time that an idle connection is kept, in milliseconds. */
const KEEP_ALIVE_MS = 5000;

const NOT_FOUND = {
  error: "this node has no such path: agents connect to /plugin_socket/websocket, REST calls go to /api/v1",
  code: "not_found",
};

/** Builds the node's HTTP server: health, metrics, DID documents, REST calls, messages of other nodes. Errors are `{"error": "…", "code": "…"}`. */
export function createHttpServer(options: HttpOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: options.headTimeoutMs, connectionsCheckingInterval: Math.ceil(options.headTimeoutMs / 4) },
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: true },
    forceCloseConnections: true,
  });
  app.server.maxConnections = options.maxConnections;
  options.connections.attachHttp(app.server);
  const addressOf = ({ raw }: FastifyRequest): string => clientAddress(raw, options.trustsProxy);
  ignoreBodies(app);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOT_FOUND));
  app.setErrorHandler((error, _request, reply) => {
    const { status, code, error: sentence } = answerTo(error);
    if (status === 500) options.rest.onFailure(error);
    return reply.code(status).send({ error: sentence, code });
  });

  if (options.hasStatus) addStatus(app, options);
  addDidDocuments(app, (host, path) => options.documentAt(host, path));
  app.register((scope) => addRest(scope, { ...options.rest, addressOf }));
  app.register((scope, _options, done) => {
    options.addFederation(scope, addressOf);
    done();
  });
  return app;
}

/** Builds a server of `/health` and `/metrics` alone. */
export function createStatusServer(options: StatusOptions): FastifyInstance {
  const app = fastify({ logger: false, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, forceCloseConnections: true });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOT_FOUND));
  ignoreBodies(app);
  addStatus(app, options);
  return app;
}

function addStatus(app: FastifyInstance, options: StatusOptions): void {
  app.get("/health", async (_request, reply) => {
    const failure = options.isReady() ? await options.writeFailure() : undefined;
    if (failure !== undefined) return reply.code(503).send({ status: "failing", reason: `writes fail: ${systemReason(failure)}` });
    const ready = options.isReady();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "stopping" });
  });
  app.get("/metrics", async (_request, reply) => reply.type(options.metrics.contentType).send(await options.metrics.text()));
}

/** Discards bodies of requests that need none. */
function ignoreBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => {
    payload.resume();
    done(null);
  });
}
