import { createServer, type Server } from "node:http";

/** Time for which verifiers may cache the list, in milliseconds. A revocation can go unnoticed for as long. */
export const TTL_MS = 1000;

/** Publishes the status list at `/status/1`. Each request signs it again, which is cheap enough at this rate. */
export function createStatusServer(sign: () => Promise<string>): Server {
  return createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*"); // for verifiers in browsers
    if (request.method !== "GET" || request.url !== "/status/1") {
      response.writeHead(404).end();
      return;
    }
    sign().then(
      (signed) => response.writeHead(200, { "content-type": "application/vc+jwt" }).end(signed),
      (error: unknown) => {
        console.error("Cannot sign the status list:", error);
        response.writeHead(503).end();
      },
    );
  });
}
