import type { IncomingMessage } from "node:http";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { addressKey, FairShare, type FairShareLease } from "@parley/core/internal";
import type { NodeLimits } from "../../options.ts";
import { BodyError, LEAST_ROOM, readBody } from "../../http/read-body.ts";
import { AUDIT_HEAD } from "../audit-head-header.ts";
import { ACCEPT_POST, BATCH_MEDIA_TYPE, decodeBatch, ENVELOPE_MEDIA_TYPE, MAX_BATCH_BYTES } from "../envelope-batch.ts";
import { response, TRY_AGAIN, type InboundResponse, type InboundResult } from "./inbound-response.ts";

/** Options of {@link addDidcommRoute}. */
export interface DidcommRouteOptions {
  /**
   * Processes an envelope or a batch. Never rejects.
   *
   * @param auditHead the head of the sender's audit chain.
   */
  take(body: Uint8Array | readonly Uint8Array[], address: string, auditHead: string | undefined): Promise<InboundResult>;
  /** The signed head of a recipient's audit chain, for the response. Default: none. Never rejects. */
  readonly headOf?: ((recipient: string) => Promise<string | undefined>) | undefined;
  readonly limits: Pick<NodeLimits, "maxEnvelopeBytes" | "maxInboundBytes">;
  /** The client's address. */
  addressOf(request: FastifyRequest): string;
  /** Whether the node accepts messages. */
  isReady(): boolean;
  /** Called when a request is rejected before its body is processed. */
  onRejected(counted: string): void;
}

/** Path that other nodes post to. */
const PATH = "/didcomm";
const MEDIA_TYPES = [ENVELOPE_MEDIA_TYPE, "application/didcomm-envelope-enc", "application/json"];
/** Share of the byte budget that one address may use. */
const SHARE = 1 / 8;
/** Value of `Retry-After` on 429 and 503, in seconds. */
const RETRY_AFTER = "1";

/**
 * Adds `POST /didcomm`. Responds with 202 and an empty body once a message, or all messages of a batch, are durable in their recipient's
 * inbox, otherwise with `{"error", "code"}`. `"accepted"` is added if the first messages of a batch were accepted.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#https | DIDComm v2.1, HTTPS transport}
 */
export function addDidcommRoute(app: FastifyInstance, options: DidcommRouteOptions): void {
  const { maxInboundBytes, maxEnvelopeBytes } = options.limits;
  const room = new FairShare({ total: maxInboundBytes, perOwner: Math.max(maxEnvelopeBytes, maxInboundBytes * SHARE) });
  const leases = new WeakMap<FastifyRequest, FairShareLease>();
  app.removeAllContentTypeParsers();
  const read =
    (maxBytes: number) =>
    async (request: FastifyRequest, payload: IncomingMessage): Promise<Buffer> => {
      const lease = leases.get(request);
      if (lease === undefined) throw new BodyError("aborted");
      if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw new BodyError("too_large");
      return readBody(payload, { maxBytes, lease });
    };
  const readEnvelope = read(maxEnvelopeBytes);
  app.addContentTypeParser(MEDIA_TYPES, readEnvelope);
  const readBatch = read(Math.max(maxEnvelopeBytes, MAX_BATCH_BYTES));
  app.addContentTypeParser(BATCH_MEDIA_TYPE, async (request: FastifyRequest, payload: IncomingMessage) => {
    return decodeBatch(await readBatch(request, payload));
  });
  app.setErrorHandler((error: FastifyError | BodyError, _request, reply) => {
    // The rest of a body that was not read to its end is not read either.
    if (error instanceof BodyError) reply.header("connection", "close");
    return reject(reply, ofError(error), options);
  });
  app.post(PATH, {
    // Runs before the body is read; the body is charged as it arrives.
    onRequest: (request, reply, next) => {
      if (!options.isReady()) {
        reject(reply, response("stopping", "the node is stopping"), options);
        return;
      }
      const lease = room.tryAcquire(addressKey(options.addressOf(request)), LEAST_ROOM);
      if (lease === undefined) {
        reject(reply, response("busy", "too much at once; try again"), options);
        return;
      }
      leases.set(request, lease);
      // Releases the lease of a request whose handler never ran. A running handler continues after the other node has disconnected, and
      // releases it itself.
      reply.raw.once("close", () => leases.get(request)?.release());
      next();
    },
    handler: async (request: FastifyRequest, reply) => {
      const { body } = request;
      if (!(body instanceof Uint8Array || Array.isArray(body))) return reject(reply, response("bad_request"), options);
      const lease = leases.get(request);
      leases.delete(request);
      const { [AUDIT_HEAD]: theirs } = request.headers;
      const result = await options
        .take(
          body as Uint8Array | readonly Uint8Array[],
          addressKey(options.addressOf(request)),
          typeof theirs === "string" ? theirs : undefined,
        )
        .finally(() => lease?.release());
      if (!result.ok) return send(reply, result.response, result.accepted);
      const head = result.recipient === undefined ? undefined : await options.headOf?.(result.recipient);
      if (head !== undefined) reply.header(AUDIT_HEAD, head);
      return reply.code(202).header("accept-post", ACCEPT_POST).send();
    },
  });
}

function reject(reply: FastifyReply, rejection: InboundResponse, { onRejected }: DidcommRouteOptions): FastifyReply {
  onRejected(rejection.counted);
  return send(reply, rejection);
}

/** @param accepted number of envelopes of a batch before the rejected one. */
function send(reply: FastifyReply, { status, code, error }: InboundResponse, accepted = 0): FastifyReply {
  if (TRY_AGAIN.has(status)) reply.header("retry-after", RETRY_AFTER);
  const body = { error, code, ...(accepted > 0 && { accepted }) };
  return reply.code(status).header("accept-post", ACCEPT_POST).type("application/json").send(JSON.stringify(body));
}

/** The response to an error before the envelope is processed. */
function ofError(error: FastifyError | BodyError): InboundResponse {
  const { statusCode = 500 } = error;
  if (error instanceof BodyError && error.fault === "no_room") return response("busy", error.message);
  if (error instanceof BodyError && error.fault === "too_slow") return response("too_slow", error.message);
  if (statusCode === 413) return response("too_large");
  if (statusCode === 415) return response("unsupported_media_type", `send ${MEDIA_TYPES[0]}`);
  return statusCode < 500 ? response("bad_request") : response("internal", "internal error");
}
