import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** Headers that are about this one connection and the protocol that it might change to. */
const DROPPED: ReadonlySet<string> = new Set(["upgrade", "http2-settings", "connection"]);

/** Whether a request wants a WebSocket, and no other protocol. */
export function wantsWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Answers a request that offers to change to another protocol than WebSocket as if it had not: some HTTP clients offer `h2c` with every
 * request. Node leaves the whole connection to the listener of `upgrade`; here it begins again, with the request without the offer.
 * (Whoever offers something waits for the answer: nothing that came before is still to be answered.)
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110.html#section-7.8 | RFC 9110, Upgrade}
 */
export function ignoreUpgrade(server: Server, request: IncomingMessage, stream: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders, headers } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    if (!DROPPED.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  if (/(?:^|,)\s*close\s*(?:,|$)/i.test(headers.connection ?? "")) lines.push("Connection: close");
  stream.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", stream);
}
