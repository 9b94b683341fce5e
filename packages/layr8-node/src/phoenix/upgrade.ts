import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { BATCH_HEADER, readBatchLimit } from "@parley/core/internal";

/** Path that agents connect to. */
export const SOCKET_PATH = "/plugin_socket/websocket";

/** The parts of an upgrade request that the node uses. */
export interface UpgradeRequest {
  readonly path: string;
  /** The API key, from the header `x-api-key` or, by older SDKs, the query `api_key`. */
  readonly apiKey: string | undefined;
  /** Protocol version of Phoenix' serializer; older clients leave it out. */
  readonly vsn: string | undefined;
  /** Maximum batch of frames that the client accepts, in bytes; 0 for clients without batches. */
  readonly maxBatchBytes: number;
  /** The client's address, for the log. */
  readonly address: string;
}

/** Parses an upgrade request; `undefined` if its URL is invalid. */
export function readUpgrade(request: IncomingMessage, address: string): UpgradeRequest | undefined {
  let url: URL;
  try {
    url = new URL(request.url ?? "/", "http://node");
  } catch {
    return undefined;
  }
  const header = request.headers["x-api-key"];
  return {
    path: url.pathname.replace(/\/$/, ""),
    apiKey: (typeof header === "string" ? header : undefined) ?? url.searchParams.get("api_key") ?? undefined,
    vsn: url.searchParams.get("vsn") ?? undefined,
    maxBatchBytes: readBatchLimit(request.headers[BATCH_HEADER]),
    address,
  };
}

/** Headers about this connection and the protocol upgrade. */
const DROPPED: ReadonlySet<string> = new Set(["upgrade", "http2-settings", "connection"]);

/** Whether a request is for an upgrade to WebSocket. */
export function wantsWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Handles a request that offers an upgrade to another protocol than WebSocket as if it had no such offer; some HTTP clients offer `h2c`
 * with every request. Node.js passes the whole connection to the `upgrade` listener. Here it is emitted as a new connection whose first
 * request has no offer. No earlier response is pending, because a client that offers an upgrade waits for the response.
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
