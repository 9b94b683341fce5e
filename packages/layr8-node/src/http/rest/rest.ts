import swagger from "@fastify/swagger";
import type { JsonObject } from "@parley/core";
import { checkJsonText, FairShare } from "@parley/core/internal";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from "fastify-type-provider-zod";
import type { Wallet } from "../../credentials/wallet.ts";
import type { ApiKeys } from "../../identity/api-keys.ts";
import { Authentication } from "./authentication.ts";
import { answerTo, RequestRejection } from "./error-answer.ts";
import { tidyOpenapi } from "./openapi.ts";
import { BodyError, LEAST_ROOM, readBody } from "../read-body.ts";
import { addRoutes } from "./routes.ts";
import { named } from "./schemas.ts";

/** Options of {@link addRest}. */
export interface RestOptions {
  readonly wallet: Wallet;
  readonly apiKeys: ApiKeys;
  /** Requests per second of one API key. */
  readonly requestsPerSecond: number;
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

/** Path of the OpenAPI document. */
const OPENAPI_PATH = "/openapi.json";
/** Value of `Retry-After` on 429 and 503, in seconds. */
const RETRY_AFTER = "1";
/** Share of the byte budget for bodies that one API key may use. */
const SHARE = 1 / 8;

/** Adds the REST calls and their description, {@link OPENAPI_PATH}. Errors are `{"error": "<sentence>", "code": "<stable code>"}`. */
export async function addRest(app: FastifyInstance, options: RestOptions): Promise<void> {
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeAllContentTypeParsers();
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Layr8 node", description: "Sign, store, present and verify W3C Verifiable Credentials.", version: "1" },
      components: { securitySchemes: { apiKey: { type: "apiKey", in: "header", name: "x-api-key" } } },
      security: [{ apiKey: [] }],
    },
    transform: createJsonSchemaTransform({ schemaRegistry: named }),
    transformObject: createJsonSchemaTransformObject({ schemaRegistry: named }),
  });
  app.addHook("onResponse", (request, reply, done) => {
    options.onAnswered(request.method, request.routeOptions.url ?? "", reply.statusCode);
    done();
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, code, error: sentence } = answerTo(error);
    if (status === 500) options.onFailure(error);
    if (status === 429 || status === 503) reply.header("retry-after", RETRY_AFTER);
    if (error instanceof BodyError) reply.header("connection", "close");
    return reply
      .code(status)
      .type("application/json")
      .send(JSON.stringify({ error: sentence, code }));
  });
  const describe = once(() => JSON.stringify(tidyOpenapi(app.swagger() as unknown as JsonObject)));
  app.get(OPENAPI_PATH, { schema: { hide: true } }, (_request, reply) => reply.type("application/json").send(describe()));
  await app.register((calls, _options, done) => {
    const authentication = new Authentication(options.apiKeys, options.requestsPerSecond);
    calls.addHook("onRequest", (request, reply, next) => {
      reply.header("cache-control", "no-store");
      try {
        authentication.authenticate(request);
        options.onCall(authentication.keyOf(request).id);
      } catch (error) {
        if (error instanceof RequestRejection && error.status === 401) options.onRefusedKey(options.addressOf(request));
        throw error;
      }
      next();
    });
    readBodies(calls, options.maxBodyBytes, (request) => authentication.keyOf(request).id);
    addRoutes(calls, options.wallet, authentication);
    done();
  });
}

/**
 * Accepts JSON bodies only. An empty one counts as none, since many clients send a content type without a body. Bodies are charged to their
 * API key as they arrive.
 */
function readBodies(app: FastifyInstance, maxBytes: number, ownerOf: (request: FastifyRequest) => string): void {
  const room = new FairShare({ total: maxBytes, perOwner: Math.max(app.initialConfig.bodyLimit ?? 0, maxBytes * SHARE) });
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: IncomingMessage): Promise<unknown> => {
    const lease = room.tryAcquire(ownerOf(request), LEAST_ROOM);
    if (lease === undefined) throw new BodyError("no_room");
    let body: string;
    try {
      body = (await readBody(payload, { maxBytes: request.routeOptions.bodyLimit, lease })).toString("utf8");
    } finally {
      lease.release();
    }
    if (body === "") return undefined;
    // Other parsers may choose the other of two duplicate members.
    if (!checkJsonText(body, Number.POSITIVE_INFINITY).ok) {
      throw new RequestRejection(400, "malformed_request", "body: an object has a member twice");
    }
    return new Promise((resolve, reject) => {
      void parse(request, body, (error, value: unknown) => (error === null ? resolve(value) : reject(error)));
    });
  });
}

function once(make: () => string): () => string {
  let made: string | undefined;
  return () => (made ??= make());
}
