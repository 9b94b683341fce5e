import { Connections, clientAddress, type ProxyTrust } from "@parley/server-kit";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Metrics } from "../../metrics.ts";
import type { Services } from "../services.ts";
import { addAccountRoutes, addSignup } from "./account-routes.ts";
import { ApiAuthentication } from "./authentication.ts";
import { addChannelRoutes } from "./channel-routes.ts";
import { ERRORS } from "./error-response.ts";
import { addInviteRoutes } from "./invite-routes.ts";
import { addJoinRoutes } from "./join-routes.ts";
import { withOptionalBodies } from "./openapi.ts";
import { addErrorHandler, addOpenapi, addStatusRoutes, HIDDEN, jsonParser, type StatusSource } from "@parley/server-kit/http";

/** A completed call, for the log. Nothing of it is secret. */
export interface CompletedCall {
  readonly method: string;
  /** The pattern of its path. */
  readonly route: string;
  readonly status: number;
  /** The code of the error, if it was rejected. */
  readonly code?: string | undefined;
  readonly address: string;
}

/** Options of the API server. */
export interface ApiServerOptions extends StatusSource {
  readonly services: Services;
  /** Counts the calls. */
  readonly requests: Metrics["requests"];
  /** PEM of the certificate chain and its private key. Omitted: TLS is off. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Whether anybody may make an account. */
  readonly openSignup: boolean;
  /** Which proxies say whose call it is. */
  readonly trustsProxy: ProxyTrust;
  /** Whether `/health`, `/ready` and `/metrics` are on this port. */
  readonly hasStatus: boolean;
  /** A response was sent. */
  readonly onResponse: (call: CompletedCall) => void;
  /** A call of an account begins. */
  readonly onWork: (what: string, accountId: string) => void;
  /** A connection was dropped, and why. */
  readonly onDropped: (reason: string) => void;
  /** Something failed inside the server. */
  readonly onFailure: (error: unknown) => void;
}

/** Largest body of a call that has no limit of its own, in bytes. */
const BODY_LIMIT = 64 * 1024;
/** How long a connection that has shown a key or token may be kept without a request, in milliseconds; one that has shown none: 5 seconds. */
const KEEP_ALIVE_MS = 72_000;
const ANONYMOUS_KEEP_ALIVE_MS = 5000;
/** How long a request may take to arrive, in milliseconds: what is slower holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Timeout for the head of a connection's first request, and the interval of the check, in milliseconds. */
const HEAD_TIMES = { headersTimeout: 10_000, connectionsCheckingInterval: 2500 };
const NO_SUCH_PATH = { error: "this server has no such path: does the URL of the API (apiUrl) hold one?", code: "not_found" };
/** Interval at which idle connections are closed, in milliseconds. */
const SWEEP_MS = 2500;
/** Seconds for which others may keep the key set: new keys are in it for longer before they sign. */
const KEY_SET_AGE = 240;

/** Builds the API server: the calls, `/health`, `/ready`, `/metrics`, `/openapi.json` and the key set. Errors are `{"error": "…", "code": "…"}`. */
export async function createApiServer(options: ApiServerOptions): Promise<FastifyInstance> {
  const { services, requests } = options;
  const app = createApp(options);
  const connections = watchConnections(app, options);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NO_SUCH_PATH));
  /** The codes of rejected requests. */
  const codes = new WeakMap<FastifyRequest, string>();
  addErrorHandler(app, ERRORS, { onFailure: options.onFailure, onRejected: (request, code) => codes.set(request, code) });
  app.addHook("onResponse", (request, reply, done) => {
    // The pattern of the path, from a closed set.
    const { method } = request;
    const address = clientAddress(request.raw, options.trustsProxy);
    const [route, status] = [request.routeOptions.url ?? "none", reply.statusCode];
    requests.inc({ method, route, status: String(status) });
    options.onResponse({ method, route, status, code: codes.get(request), address });
    done();
  });
  await addOpenapi(app, {
    title: "Skytale API",
    description: "Accounts, keys, tokens, channels, invites and joins.",
    security: { bearer: { type: "http", scheme: "bearer", description: "An API key, or a token made from one" } },
    tidy: withOptionalBodies,
  });

  if (options.hasStatus) addStatusRoutes(app, options);
  app.get("/.well-known/jwks.json", { schema: HIDDEN }, (_request, reply) =>
    reply.header("cache-control", `public, max-age=${KEY_SET_AGE}`).send(services.signingKeys.keySet()),
  );
  await app.register((calls, _options, done) => {
    readBodies(calls);
    calls.addHook("onRequest", (_request, reply, next) => {
      reply.header("cache-control", "no-store");
      next();
    });
    addSignup(calls, services, {
      isOpen: options.openSignup,
      addressOf: ({ raw }) => clientAddress(raw, options.trustsProxy),
    });
    void calls.register((own, _ownOptions, ownDone) => {
      const authentication = new ApiAuthentication({
        keys: services.keys,
        verifier: services.verifier,
        requestsPerSecond: services.limits.requestsPerSecond,
        failedVerificationsPerSecond: services.limits.failedVerificationsPerSecond,
        addressOf: ({ raw }) => clientAddress(raw, options.trustsProxy),
        servers: services.servers,
      });
      own.addHook("onRequest", async (request, reply) => {
        await authentication.admit(request);
        options.onWork(`${request.method} ${request.routeOptions.url ?? ""}`, authentication.accountOf(request));
        connections.identified(request.raw.socket, authentication.accountOf(request));
        keepAlive(reply);
      });
      addAccountRoutes(own, services, authentication);
      addChannelRoutes(own, services, authentication);
      addInviteRoutes(own, services, authentication);
      addJoinRoutes(own, services, authentication);
      ownDone();
    });
    done();
  });
  return app;
}

/** Divides the port's connections between addresses, and between accounts. */
function watchConnections(app: FastifyInstance, { services, onDropped, trustsProxy }: ApiServerOptions): Connections {
  const isProxy = (address: string): boolean => trustsProxy(address, 0);
  const connections = new Connections({ max: services.limits.maxConnections, isProxy, onDropped });
  connections.attachHttp(app.server);
  const sweeper = setInterval(() => connections.sweep(), SWEEP_MS).unref();
  app.addHook("onClose", (_app, done) => {
    clearInterval(sweeper);
    done();
  });
  return connections;
}

/** Has a connection that has shown a key or token kept for longer. */
function keepAlive({ raw }: FastifyReply): void {
  const { socket } = raw;
  if (!raw.shouldKeepAlive || socket === null) return;
  raw.setHeader("connection", "keep-alive");
  raw.setHeader("keep-alive", `timeout=${KEEP_ALIVE_MS / 1000}`);
  // Node's own listener, which was added before, sets the time for all connections.
  raw.once("finish", () => {
    if (!socket.destroyed) socket.setTimeout(KEEP_ALIVE_MS);
  });
}

function createApp({ tls }: ApiServerOptions): FastifyInstance {
  const options = {
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: ANONYMOUS_KEEP_ALIVE_MS,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: true },
    forceCloseConnections: "idle",
  } as const;
  // Fastify has different types for HTTPS and HTTP servers. The code below works for both.
  if (tls === undefined) return fastify({ ...options, http: HEAD_TIMES });
  return fastify({ ...options, https: { ...tls, ...HEAD_TIMES } }) as FastifyInstance;
}

/** Accepts JSON bodies only. */
function readBodies(app: FastifyInstance): void {
  const parse = jsonParser(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, parse);
}
