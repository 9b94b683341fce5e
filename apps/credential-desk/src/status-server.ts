import { createServer, type Server } from "node:http";

/** How long verifiers may keep the list, in milliseconds: how late a revocation may be noticed. */
export const TTL_MS = 1000;

/** Publishes the signed status list at `/status/1`. It is signed anew when it is asked for, which here is seldom. */
export function createStatusServer(sign: () => Promise<string>): Server {
  return createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*"); // for verifiers on web pages
    if (request.method !== "GET" || request.url !== "/status/1") {
      response.writeHead(404).end();
      return;
    }
    sign().then(
      (signed) => response.writeHead(200, { "content-type": "application/vc+jwt" }).end(signed),
      (error: unknown) => {
        console.error("The status list could not be signed:", error);
        response.writeHead(503).end();
      },
    );
  });
}
