import { addErrorHandler, jsonParser } from "@parley/server-kit/http";
import type { AdminParameters } from "@parley/server-kit";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type AccessRules, checkAccess } from "./access.ts";
import type { AdminApi } from "./admin-api.ts";
import { AdminError } from "./admin-error.ts";
import type { ConsoleFile } from "./console-files.ts";

/** Options of {@link createHttp}. */
export interface AdminHttpOptions {
  readonly api: AdminApi;
  readonly files: ReadonlyMap<string, ConsoleFile>;
  /** Known once the port is open. */
  readonly rules: () => AccessRules;
  /** Called for each route, with its method and path. */
  readonly onRoute: (route: string) => void;
  readonly onFailure: (error: unknown) => void;
}

const MAX_BODY_BYTES = 1024 * 1024 + 64 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/** Headers of every response. Scripts, styles and connections come from this origin only, and no page can frame this one. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** Builds the HTTP server. Each request is checked before it is routed: see {@link checkAccess}. */
export function createHttp({ api, files, rules, onRoute, onFailure }: AdminHttpOptions): FastifyInstance {
  const app = fastify({ logger: false, bodyLimit: MAX_BODY_BYTES, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: true });
  app.addHook("onRoute", ({ method, url }) => {
    for (const name of [method].flat()) onRoute(`${name} ${url}`);
  });
  app.removeAllContentTypeParsers();
  const parse = jsonParser(app);
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request: FastifyRequest, body: string) => parse(request, body));
  app.addHook("onRequest", (request, reply, done) => {
    for (const [name, value] of Object.entries(HEADERS)) reply.raw.setHeader(name, value);
    const path = request.url.split("?", 1)[0] ?? "";
    const isFile = request.method === "GET" && files.has(path);
    const refusal = checkAccess(request.headers, rules(), isFile);
    if (refusal === undefined) return done();
    const { status, code, error } = refusal;
    void reply.code(status).send({ error, code });
  });
  addErrorHandler(
    app,
    {
      own: (error) => (error instanceof AdminError ? { status: error.status, code: error.code, error: error.message } : undefined),
      rejected: (status, message) => ({ status, code: "malformed_request", error: message }),
    },
    { onFailure },
  );
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "no such path", code: "not_found" }));
  addFiles(app, files);
  addCalls(app, api);
  return app;
}

function addFiles(app: FastifyInstance, files: ReadonlyMap<string, ConsoleFile>): void {
  for (const [path, { type, content, isImmutable }] of files) {
    app.get(path, (_request, reply) => {
      if (isImmutable) reply.raw.setHeader("cache-control", "public, max-age=31536000, immutable");
      return reply.type(type).send(content);
    });
  }
}

function addCalls(app: FastifyInstance, api: AdminApi): void {
  const get = (path: string, answer: (parameters: AdminParameters) => unknown): void => {
    app.get(path, async (request, reply) => sendJson(reply, await answer(queryOf(request))));
  };
  get("/api/info", () => api.info());
  get("/api/events", (parameters) => api.events(parameters));
  get("/api/thread", (parameters) => api.thread(parameters));
  get("/api/problems", () => api.problems());
  get("/api/codes", () => api.codes());
  get("/api/samples", () => api.samples());
  get("/api/body", (parameters) => api.body(parameters));
  app.get("/api/stream", (request, reply) => {
    api.stream(reply.raw, queryOf(request));
    reply.hijack();
  });
  app.get<{ Params: { source: string; name: string } }>("/api/read/:source/:name", async (request, reply) =>
    sendJson(reply, await api.read(request.params.source, request.params.name, queryOf(request))),
  );
  app.post<{ Params: { source: string; name: string } }>("/api/act/:source/:name", async (request, reply) =>
    sendJson(reply, await api.act(request.params.source, request.params.name, parametersOf(request.body), clientOf(request))),
  );
}

function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.type("application/json").send(JSON.stringify(value ?? null));
}

/** Characters of a program's name that are logged. */
const MAX_CLIENT = 80;

/** The address and the program of a client, for the log. */
function clientOf({ socket, headers }: FastifyRequest): string {
  const program = (headers["user-agent"] ?? "").replaceAll(/[^ -~]/g, "").slice(0, MAX_CLIENT);
  return `${socket.remoteAddress ?? "unknown"}${program === "" ? "" : ` ${program}`}`;
}

/** A parameter that is given twice counts as absent. */
function queryOf({ query }: FastifyRequest): AdminParameters {
  return parametersOf(query);
}

function parametersOf(value: unknown): AdminParameters {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
