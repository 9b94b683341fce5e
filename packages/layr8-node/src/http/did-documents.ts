import type { FastifyInstance } from "fastify";

const FILE = "/did.json";

/** Finds the document for a path of a host; `undefined` if no DID is hosted for it. */
export type FindDocument = (host: string, path: string) => Promise<object | undefined>;

/**
 * Adds `GET …/did.json`, readable by web pages of any origin: the documents are public, and wallets and verifiers run in browsers.
 *
 * @see {@link https://w3c-ccg.github.io/did-method-web/#read-resolve | did:web, Read (Resolve)}
 * @see {@link https://fetch.spec.whatwg.org/#http-cors-protocol | Fetch, CORS protocol}
 */
export function addDidDocuments(app: FastifyInstance, find: FindDocument): void {
  // Not a Fastify hook, because hooks don't run for requests that Fastify rejects.
  app.server.prependListener("request", (request, response) => {
    if (documentPath(request.url ?? "") !== undefined) response.setHeader("access-control-allow-origin", "*");
  });
  app.get("/*", async (request, reply) => {
    const path = documentPath(request.url);
    const document = path === undefined ? undefined : await find(request.headers.host ?? "", path);
    if (document === undefined) return reply.callNotFound();
    return reply.type("application/did+json").send(JSON.stringify(document));
  });
  app.options("/*", (request, reply) => {
    if (documentPath(request.url) === undefined) return reply.callNotFound();
    return reply
      .code(204)
      .headers({ "access-control-allow-methods": "GET, HEAD", "access-control-allow-headers": "*", "access-control-max-age": "86400" })
      .send();
  });
}

/** The path of a URL if it is that of a DID document, without a trailing slash. */
function documentPath(url: string): string | undefined {
  const path = (url.split("?", 1)[0] ?? "").replace(/\/$/, "");
  return path.endsWith(FILE) ? path : undefined;
}
