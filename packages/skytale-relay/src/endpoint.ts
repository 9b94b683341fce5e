import { isLocalhostName } from "@parley/core/internal";

/** Default port of a relay. */
const DEFAULT_PORT = 5000;

/** Address of a relay. */
export interface Endpoint {
  /** Host and port, as gRPC expects them. */
  readonly target: string;
  readonly tls: boolean;
}

/**
 * Parses the address of a relay: `https://host[:port]` and `grpcs://` use TLS; `http://` and `grpc://` don't. Without a scheme, TLS is used
 * except for loopback (`localhost` and its subdomains, `127.0.0.0/8`, `[::1]`). The default port is 5000.
 *
 * @throws TypeError
 */
export function parseEndpoint(given: string): Endpoint {
  const address = given.trim(); // white space is often pasted with it
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address)?.[1]?.toLowerCase();
  if (scheme !== undefined && !["https", "grpcs", "http", "grpc"].includes(scheme)) {
    throw new TypeError(`The relay's address must begin with https:// or http://, not ${scheme}://`);
  }
  const rest = scheme === undefined ? address : address.slice(scheme.length + "://".length);
  // A scheme without a default port, so that URL keeps every port.
  const text = `relay://${rest}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new TypeError("The relay's address must be a host with an optional port, such as https://relay.example:5000");
  }
  if (url.username !== "" || url.password !== "") throw new TypeError("The relay's address must not contain a user name or password");
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    const valid = `${scheme === undefined ? "" : `${scheme}://`}${url.host}`;
    throw new TypeError(
      `The relay's address must not have a path, query or fragment: use ${valid}, since gRPC is served at the root of a host`,
    );
  }
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  return { target: `${url.hostname}:${port}`, tls: scheme === undefined ? !isLoopback(url.hostname) : scheme.endsWith("s") };
}

function isLoopback(host: string): boolean {
  return isLocalhostName(host) || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
