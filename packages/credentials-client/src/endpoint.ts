import type { LookupFunction } from "node:net";
import { isLocalhostName, lookupLoopback } from "@parley/core/eager";

/** Address of a node's REST API. */
export interface Endpoint {
  readonly origin: string;
  /** Path prefix before `/api/v1`; usually empty. */
  readonly path: string;
  /** Value of an `Authorization` header, from a name and password in the URL. */
  readonly authorization?: string;
  /** Resolves loopback names (https://www.rfc-editor.org/rfc/rfc6761#section-6.3); the system resolves all others. */
  readonly lookup?: LookupFunction;
}

const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ["wss:", "https:"],
  ["https:", "https:"],
  ["ws:", "http:"],
  ["http:", "http:"],
]);

/** Derives the REST API's address from a WebSocket URL or an http origin. @throws TypeError without the URL, which may contain secrets. */
export function readEndpoint(nodeUrl: string): Endpoint {
  if (typeof nodeUrl !== "string" || !URL.canParse(nodeUrl)) {
    throw new TypeError("nodeUrl is not a URL; expected something like wss://node.example/plugin_socket/websocket");
  }
  const { protocol, host, hostname, pathname, username, password } = new URL(nodeUrl);
  const scheme = PROTOCOLS.get(protocol);
  if (scheme === undefined) {
    // "localhost:4000" is a URL of the scheme "localhost".
    const hint = /^[\w.-]+:\d+(?:\/|$)/.test(nodeUrl) ? "; write http:// before the host" : "";
    throw new TypeError(`nodeUrl must begin with wss:, ws:, https: or http:, not ${protocol}${hint}`);
  }
  return {
    origin: `${scheme}//${host}`,
    path: pathname.replace(/\/$/, "").replace(/\/plugin_socket\/websocket$/, ""),
    ...(username === "" && password === "" ? {} : { authorization: basic(username, password) }),
    ...(isLocalhostName(hostname) && { lookup: lookupLoopback }),
  };
}

function basic(username: string, password: string): string {
  try {
    return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
  } catch {
    throw new TypeError("nodeUrl has a user name or password that is not percent-encoded UTF-8");
  }
}
