import type { FastifyInstance } from "fastify";
import { STATUS_LISTS_PATH, type StatusListPublisher } from "../credentials/status/status-list-publisher.ts";

/**
 * Adds `GET /status-lists/<id>/<purpose>`: the status lists of issuers, for verifiers anywhere, web pages included.
 *
 * @see {@link https://www.w3.org/TR/vc-bitstring-status-list/ | Bitstring Status List v1.0}
 */
export function addStatusLists(app: FastifyInstance, read: StatusListPublisher["read"]): void {
  app.get<{ Params: { list: string; purpose: string } }>(`${STATUS_LISTS_PATH}/:list/:purpose`, async (request, reply) => {
    void reply.header("access-control-allow-origin", "*");
    const published = await read(request.params.list, request.params.purpose);
    if (published === undefined) return reply.callNotFound();
    const { text, etag, maxAgeSeconds } = published;
    void reply.headers({ etag, "cache-control": `public, max-age=${maxAgeSeconds}` });
    if (request.headers["if-none-match"] === etag) return reply.code(304).send();
    return reply.type("application/vc+jwt").send(text);
  });
}
