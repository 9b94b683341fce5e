import swagger from "@fastify/swagger";
import type { JsonObject } from "@parley/core";
import { Connections, clientAddress, type ProxyTrust } from "@parley/server-kit";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { createJsonSchemaTransform, serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Metrics } from "../../metrics.ts";
import type { Services } from "../services.ts";
import { addAccountRoutes, addSignup } from "./account-routes.ts";
import { Authentication } from "./authentication.ts";
import { addChannelRoutes } from "./channel-routes.ts";
import { answerTo } from "./error-answer.ts";
import { addInviteRoutes } from "./invite-routes.ts";
import { addJoinRoutes } from "./join-routes.ts";
import { withOptionalBodies } from "./openapi.ts";
import { addStatusRoutes, type StatusSource } from "@parley/server-kit/http";

/** A call that was answered, for the log: nothing of it is secret. */
export interface AnsweredCall {
  readonly method: string;
  /** The pattern of its path. */
  readonly route: string;
  readonly status: number;
  /** Why it was refused. */
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
  /** Whether `/health` and `/metrics` are on this port. */
  readonly hasStatus: boolean;
  /** A call was answered. */
  readonly onAnswered: (call: AnsweredCall) => void;
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
/** Seconds after which a client may try again what was too much just now. */
const RETRY_AFTER = "1";
/** How often connections that are of no use are searched for, in milliseconds. */
const NO_SUCH_PATH = { error: "this server has no such path: does the URL of the API (apiUrl) hold one?", code: "not_found" };
const SWEEP_MS = 2500;
/** Seconds for which others may keep the key set: new keys are in it for longer before they sign. */
const KEY_SET_AGE = 240;

/** Builds the API server: the calls, `/health`, `/metrics`, `/openapi.json` and the key set. Errors are `{"error": "…", "code": "…"}`. */
export async function createApiServer(options: ApiServerOptions): Promise<FastifyInstance> {
  const { services, requests } = options;
  const app = createApp(options);
  const connections = watchConnections(app, options);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NO_SUCH_PATH));
  /** Why requests were refused. */
  const codes = new WeakMap<FastifyRequest, string>();
  app.setErrorHandler((error, request, reply) => {
    const { status, ...answer } = answerTo(error);
    if (status === 500) options.onFailure(error);
    codes.set(request, answer.code);
    if (status === 429 || status === 503) reply.header("retry-after", RETRY_AFTER);
    return reply.code(status).type("application/json").send(JSON.stringify(answer));
  });
  app.addHook("onResponse", (request, reply, done) => {
    // The pattern of the path, from a closed set.
    const { method } = request;
    const address = clientAddress(request.raw, options.trustsProxy);
    const [route, status] = [request.routeOptions.url ?? "none", reply.statusCode];
    requests.inc({ method, route, status: String(status) });
    options.onAnswered({ method, route, status, code: codes.get(request), address });
    done();
  });
  await describe(app);

  if (options.hasStatus) addStatusRoutes(app, options);
  app.get("/.well-known/jwks.json", { schema: { hide: true } }, (_request, reply) =>
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
      const authentication = new Authentication({
        keys: services.keys,
        verifier: services.verifier,
        requestsPerSecond: services.limits.requestsPerSecond,
        failedVerificationsPerSecond: services.limits.failedVerificationsPerSecond,
        addressOf: ({ raw }) => clientAddress(raw, options.trustsProxy),
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

async function describe(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Skytale API", description: "Accounts, keys, tokens, channels, invites and joins.", version: "1" },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "An API key, or a token made from one" } } },
      security: [{ bearer: [] }],
    },
    transform: createJsonSchemaTransform({}),
  });
  let description: string | undefined;
  app.get("/openapi.json", { schema: { hide: true } }, (_request, reply) => {
    description ??= JSON.stringify(withOptionalBodies(app.swagger() as unknown as JsonObject));
    return reply.type("application/json").send(description);
  });
}

/** JSON bodies only. An empty body counts as absent, since many clients send a content type without a body. */
function readBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null);
    else void parse(request, body, done);
  });
}
