import { clientAddress, type Connections, type ProxyTrust } from "@parley/server-kit";
import { addErrorHandler, addStatusRoutes, ignoreBodies, type StatusSource } from "@parley/server-kit/http";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import { addDidDocuments } from "./did-documents.ts";
import { addStatusLists } from "./status-lists.ts";
import type { StatusListPublisher } from "../credentials/status/status-list-publisher.ts";
import { ERRORS } from "./rest/error-response.ts";
import { addRest, type RestOptions } from "./rest/rest.ts";

/** Options of the node's HTTP server. */
export interface HttpOptions {
  readonly rest: Omit<RestOptions, "addressOf">;
  /**
   * Adds the routes for other nodes.
   *
   * @param addressOf the client's address.
   */
  addFederation(app: FastifyInstance, addressOf: (request: FastifyRequest) => string): void;
  /** The DID document for a path of a host, by did:web; `undefined` if no DID is hosted for it. */
  documentAt(host: string, path: string): Promise<object | undefined>;
  /** The status list of an id and a purpose; `undefined` if one of them is unknown. */
  readonly statusList: StatusListPublisher["read"];
  /** The proxies whose `X-Forwarded-For` is trusted. */
  readonly trustsProxy: ProxyTrust;
  /** Maximum TCP connections, and the connections without an API key. */
  readonly maxConnections: number;
  readonly connections: Connections;
  /** Time limit for the head of a connection's first request, in milliseconds. */
  readonly headTimeoutMs: number;
  /** For `/health`, `/ready` and `/metrics`; absent if they have a port of their own. */
  readonly status: StatusSource | undefined;
}

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
  addErrorHandler(app, ERRORS, { onFailure: (error) => options.rest.onFailure(error) });

  if (options.status !== undefined) addStatusRoutes(app, options.status);
  addDidDocuments(app, (host, path) => options.documentAt(host, path));
  addStatusLists(app, (list, purpose) => options.statusList(list, purpose));
  app.register((scope) => addRest(scope, { ...options.rest, addressOf }));
  app.register((scope, _options, done) => {
    options.addFederation(scope, addressOf);
    done();
  });
  return app;
}
