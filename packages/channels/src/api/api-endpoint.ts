import type { LookupFunction } from "node:net";
import { isLocalhostName, lookupLoopback } from "@parley/core/internal";

/** Where an API server is. */
export interface ApiEndpoint {
  readonly origin: string;
  /** What stands before `/v1`; mostly nothing. */
  readonly path: string;
  /** Resolves loopback names; the system resolves all others. */
  readonly lookup?: LookupFunction;
}

/** Reads the URL of an API server. @throws TypeError without the URL, which may hold secrets. */
export function readApiUrl(apiUrl: string): ApiEndpoint {
  if (typeof apiUrl !== "string" || !URL.canParse(apiUrl)) {
    throw new TypeError("apiUrl is not a URL; expected something like https://api.skytale.sh");
  }
  const { protocol, origin, hostname, pathname, username, password, search, hash } = new URL(apiUrl);
  if (protocol !== "https:" && protocol !== "http:") throw new TypeError(`apiUrl must begin with https:// or http://, not ${protocol}`);
  if (username !== "" || password !== "") throw new TypeError("apiUrl must hold no user name or password");
  if (search !== "" || hash !== "") throw new TypeError("apiUrl must hold no query or fragment");
  return { origin, path: pathname.replace(/\/+$/, ""), ...(isLocalhostName(hostname) && { lookup: lookupLoopback }) };
}
