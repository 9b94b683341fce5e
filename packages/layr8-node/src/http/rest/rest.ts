import { checkJsonText, FairShare } from "@parley/core/internal";
import { addErrorHandler, addOpenapi, jsonParser } from "@parley/server-kit/http";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Wallet } from "../../credentials/wallet.ts";
import type { ApiKeys } from "../../identity/api-keys.ts";
import { BodyError, LEAST_ROOM, readBody } from "../read-body.ts";
import { addAuditRoutes, type AuditRoutesOptions } from "./audit-routes.ts";
import { createAuthentication } from "./authentication.ts";
import { ERRORS, RequestRejection } from "./error-response.ts";
import { addDocumentRoute, type ResolveDocument } from "./document-routes.ts";
import { addMediatorRoutes, type SetMediator } from "./mediator-routes.ts";
import { tidyOpenapi } from "./openapi.ts";
import { addRoutes } from "./routes.ts";
import { named } from "./schemas.ts";

/** Options of {@link addRest}. */
export interface RestOptions {
  readonly wallet: Wallet;
  readonly apiKeys: ApiKeys;
  readonly setMediator: SetMediator;
  /** The audit chains, if they are kept. */
  readonly audit?: AuditRoutesOptions | undefined;
  readonly resolveDocument: ResolveDocument;
  /** Requests per second of one API key. */
  readonly requestsPerSecond: number;
  /** Number of nodes that share the rates. Default 1. */
  readonly servers?: (() => number) | undefined;
  /** Maximum bytes of all bodies being read; one API key may use an eighth. */
  readonly maxBodyBytes: number;
  /** The client's address. */
  addressOf(request: FastifyRequest): string;
  /** A request was authenticated. */
  onCall(key: string): void;
  /** A response was sent. `route` is the pattern, not the path. */
  onAnswered(method: string, route: string, status: number): void;
  /** An internal failure. */
  onFailure(error: unknown): void;
  /** A request presented no valid API key. */
  onRefusedKey(address: string): void;
}

/** Share of the byte budget for bodies that one API key may use. */
const SHARE = 1 / 8;

/** Adds the REST calls and their description, `/openapi.json`. */
export async function addRest(app: FastifyInstance, options: RestOptions): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addHook("onResponse", (request, reply, done) => {
    options.onAnswered(request.method, request.routeOptions.url ?? "", reply.statusCode);
    done();
  });
  addErrorHandler(app, ERRORS, { onFailure: (error) => options.onFailure(error), closes: (error) => error instanceof BodyError });
  await addOpenapi(app, {
    title: "Layr8 node",
    description: "Sign, store, present and verify W3C Verifiable Credentials. Read audit chains.",
    security: { apiKey: { type: "apiKey", in: "header", name: "x-api-key" } },
    named,
    tidy: tidyOpenapi,
  });
  await app.register((calls, _options, done) => {
    const authentication = createAuthentication(options.apiKeys, options.requestsPerSecond, options.servers);
    calls.addHook("onRequest", async (request, reply) => {
      reply.header("cache-control", "no-store");
      try {
        options.onCall((await authentication.admit(request)).id);
      } catch (error) {
        if (error instanceof RequestRejection && error.status === 401) options.onRefusedKey(options.addressOf(request));
        throw error;
      }
    });
    readBodies(calls, options.maxBodyBytes, (request) => authentication.callerOf(request).id);
    addRoutes(calls, options.wallet, authentication);
    addMediatorRoutes(calls, options.setMediator, authentication);
    addAuditRoutes(calls, options.audit, authentication);
    addDocumentRoute(calls, options.resolveDocument, authentication);
    done();
  });
}

/**
 * Accepts JSON bodies only. An empty one counts as none, since many clients send a content type without a body. Bodies are charged to their
 * API key as they arrive.
 */
function readBodies(app: FastifyInstance, maxBytes: number, ownerOf: (request: FastifyRequest) => string): void {
  const room = new FairShare({ total: maxBytes, perOwner: Math.max(app.initialConfig.bodyLimit ?? 0, maxBytes * SHARE) });
  const parse = jsonParser(app);
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: IncomingMessage): Promise<unknown> => {
    const lease = room.tryAcquire(ownerOf(request), LEAST_ROOM);
    if (lease === undefined) throw new BodyError("no_room");
    let body: string;
    try {
      body = (await readBody(payload, { maxBytes: request.routeOptions.bodyLimit, lease })).toString("utf8");
    } finally {
      lease.release();
    }
    // Other parsers may choose the other of two duplicate members.
    if (body !== "" && !checkJsonText(body, Number.POSITIVE_INFINITY).ok) {
      throw new RequestRejection(400, "malformed_request", "body: an object has a member twice");
    }
    return parse(request, body);
  });
}
