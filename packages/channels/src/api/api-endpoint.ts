import type { LookupFunction } from "node:net";
import { isLocalhostName, lookupLoopback } from "@parley/core/internal";

/** The parsed URL of an API server. */
export interface ApiEndpoint {
  readonly origin: string;
  /** Path before `/v1`, usually empty. */
  readonly path: string;
  /** Resolves `localhost` names to the loopback address; `undefined` for other hosts. */
  readonly lookup?: LookupFunction;
}

/** Reads the URL of an API server. @throws TypeError, whose message omits the URL, since it can contain secrets */
export function readApiUrl(apiUrl: string): ApiEndpoint {
  if (typeof apiUrl !== "string" || !URL.canParse(apiUrl)) {
    throw new TypeError("apiUrl is not a URL; expected something like https://api.skytale.sh");
  }
  const { protocol, origin, hostname, pathname, username, password, search, hash } = new URL(apiUrl);
  if (protocol !== "https:" && protocol !== "http:") throw new TypeError(`apiUrl must begin with https:// or http://, not ${protocol}`);
  if (username !== "" || password !== "") throw new TypeError("apiUrl must not contain a user name or password");
  if (search !== "" || hash !== "") throw new TypeError("apiUrl must not contain a query or fragment");
  return { origin, path: pathname.replace(/\/+$/, ""), ...(isLocalhostName(hostname) && { lookup: lookupLoopback }) };
}
