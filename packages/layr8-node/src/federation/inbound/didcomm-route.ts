import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { addressKey } from "@parley/core/internal";
import { answer, TRY_AGAIN, type InboundAnswer } from "./answer.ts";
import { Room } from "./room.ts";

/** What `POST /didcomm` is made with. */
export interface DidcommRouteOptions {
  /** Takes an envelope; `undefined` once its message is durable. Never rejects. */
  take(envelope: Uint8Array, address: string): Promise<InboundAnswer | undefined>;
  /** Bytes of a body. */
  readonly maxEnvelopeBytes: number;
  /** Bytes of all bodies that are being read or worked on. */
  readonly maxInboundBytes: number;
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
  const room = new Room({ total: maxInboundBytes, perAddress: maxInboundBytes * SHARE });
  const leaving = new WeakMap<FastifyRequest, () => void>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(MEDIA_TYPES, { parseAs: "buffer", bodyLimit: maxEnvelopeBytes }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => refuse(reply, ofFastify(error), options));
  app.post(PATH, {
    // Before the body is read: it is what takes room.
    onRequest: (request, reply, next) => {
      if (!options.isReady()) {
        refuse(reply, answer("stopping", "the node is stopping"), options);
        return;
      }
      const length = Math.min(maxEnvelopeBytes, Number(request.headers["content-length"] ?? maxEnvelopeBytes));
      const leave = room.enter(addressKey(request.ip), length);
      if (leave === undefined) {
        refuse(reply, answer("busy", "too much at once; try again"), options);
        return;
      }
      leaving.set(request, leave);
      // One that never came to its handler, which goes on when the other node has hung up.
      reply.raw.once("close", () => leaving.get(request)?.());
      next();
    },
    handler: async (request: FastifyRequest, reply) => {
      const { body } = request;
      if (!(body instanceof Uint8Array)) return refuse(reply, answer("bad_request"), options);
      const leave = leaving.get(request);
      leaving.delete(request);
      const refused = await options.take(body, addressKey(request.ip)).finally(leave);
      return refused === undefined ? reply.code(202).send() : send(reply, refused);
    },
  });
}

function refuse(reply: FastifyReply, refused: InboundAnswer, { onRefused }: DidcommRouteOptions): FastifyReply {
  onRefused(refused.counted);
  return send(reply, refused);
}

function send(reply: FastifyReply, { status, code, error }: InboundAnswer): FastifyReply {
  if (TRY_AGAIN.has(status)) reply.header("retry-after", RETRY_AFTER);
  return reply.code(status).type("application/json").send(JSON.stringify({ error, code }));
}

/** What Fastify refuses by itself. */
function ofFastify({ statusCode = 500 }: FastifyError): InboundAnswer {
  if (statusCode === 413) return answer("too_large");
  if (statusCode === 415) return answer("unsupported_media_type", `send ${MEDIA_TYPES[0]}`);
  return statusCode < 500 ? answer("bad_request") : answer("internal", "internal error");
}
