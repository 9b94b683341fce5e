import type { IncomingMessage } from "node:http";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { addressKey, FairShare, type FairShareLease } from "@parley/core/internal";
import { BodyError, LEAST_ROOM, readBody } from "../../http/read-body.ts";
import { response, TRY_AGAIN, type InboundResponse } from "./inbound-response.ts";

/** What `POST /didcomm` is made with. */
export interface DidcommRouteOptions {
  /** Takes an envelope; `undefined` once its message is durable. Never rejects. */
  take(envelope: Uint8Array, address: string): Promise<InboundResponse | undefined>;
  /** Bytes of a body. */
  readonly maxEnvelopeBytes: number;
  /** Bytes of all bodies that are being read or worked on. */
  readonly maxInboundBytes: number;
  /** The client's address. */
  addressOf(request: FastifyRequest): string;
  /** Whether the node takes messages. */
  isReady(): boolean;
  /** A request was refused before its body was looked at. */
  onRefused(counted: string): void;
}

/** Where other nodes post. */
const PATH = "/didcomm";
const MEDIA_TYPES = ["application/didcomm-encrypted+json", "application/didcomm-envelope-enc", "application/json"];
/** The share of the room that one address may take. */
const SHARE = 1 / 8;
/** Seconds after which another node may try again what was too much just now. */
const RETRY_AFTER = "1";

/**
 * Adds `POST /didcomm`: 202 with an empty body once a message is durable in its recipient's inbox, else `{"error", "code"}`.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#https | DIDComm v2.1, HTTPS transport}
 */
export function addDidcommRoute(app: FastifyInstance, options: DidcommRouteOptions): void {
  const { maxInboundBytes, maxEnvelopeBytes } = options;
  const room = new FairShare({ total: maxInboundBytes, perOwner: Math.max(maxEnvelopeBytes, maxInboundBytes * SHARE) });
  const leases = new WeakMap<FastifyRequest, FairShareLease>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(MEDIA_TYPES, async (request: FastifyRequest, payload: IncomingMessage): Promise<Buffer> => {
    const lease = leases.get(request);
    if (lease === undefined) throw new BodyError("aborted");
    if (Number(request.headers["content-length"] ?? 0) > maxEnvelopeBytes) throw new BodyError("too_large");
    return readBody(payload, { maxBytes: maxEnvelopeBytes, lease });
  });
  app.setErrorHandler((error: FastifyError | BodyError, _request, reply) => {
    // The rest of a body that was not read to its end is not waited for.
    if (error instanceof BodyError) reply.header("connection", "close");
    return refuse(reply, ofError(error), options);
  });
  app.post(PATH, {
    // Before the body is read. It is charged as it arrives.
    onRequest: (request, reply, next) => {
      if (!options.isReady()) {
        refuse(reply, response("stopping", "the node is stopping"), options);
        return;
      }
      const lease = room.tryAcquire(addressKey(options.addressOf(request)), LEAST_ROOM);
      if (lease === undefined) {
        refuse(reply, response("busy", "too much at once; try again"), options);
        return;
      }
      leases.set(request, lease);
      // One that never came to its handler, which goes on when the other node has hung up.
      reply.raw.once("close", () => leases.get(request)?.release());
      next();
    },
    handler: async (request: FastifyRequest, reply) => {
      const { body } = request;
      if (!(body instanceof Uint8Array)) return refuse(reply, response("bad_request"), options);
      const lease = leases.get(request);
      leases.delete(request);
      const refused = await options.take(body, addressKey(options.addressOf(request))).finally(() => lease?.release());
      return refused === undefined ? reply.code(202).send() : send(reply, refused);
    },
  });
}

function refuse(reply: FastifyReply, refused: InboundResponse, { onRefused }: DidcommRouteOptions): FastifyReply {
  onRefused(refused.counted);
  return send(reply, refused);
}

function send(reply: FastifyReply, { status, code, error }: InboundResponse): FastifyReply {
  if (TRY_AGAIN.has(status)) reply.header("retry-after", RETRY_AFTER);
  return reply.code(status).type("application/json").send(JSON.stringify({ error, code }));
}

/** What is wrong with a request before its envelope is looked at. */
function ofError(error: FastifyError | BodyError): InboundResponse {
  const { statusCode = 500 } = error;
  if (error instanceof BodyError && error.fault === "no_room") return response("busy", error.message);
  if (error instanceof BodyError && error.fault === "too_slow") return response("too_slow", error.message);
  if (statusCode === 413) return response("too_large");
  if (statusCode === 415) return response("unsupported_media_type", `send ${MEDIA_TYPES[0]}`);
  return statusCode < 500 ? response("bad_request") : response("internal", "internal error");
}
