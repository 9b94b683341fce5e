import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { DidFetch } from "../did-fetch.ts";
import type { AddressKind } from "./address.ts";
import { createAddressGuard, type AddressGuardOptions } from "./address-guard.ts";

/** Options of {@link createNodeFetch}. */
export interface NodeFetchOptions extends AddressGuardOptions {
  /** Certificate authorities to trust instead of Node's own, in PEM. */
  readonly ca?: string | readonly string[];
}

/** An origin that the operator configured may be anywhere. */
const ANY_ADDRESS: readonly AddressKind[] = ["loopback", "private", "link-local", "shared", "multicast", "unspecified", "reserved"];

/**
 * Fetches over `node:http` and `node:https`, one connection per document, and never from an address that is not public unless its kind
 * is allowed. Redirects are answers like any other. Where the request names another place to connect to, no address is refused.
 */
export function createNodeFetch(options: NodeFetchOptions = {}): DidFetch {
  const guard = createAddressGuard(options);
  const trusting = createAddressGuard({ ...options, allow: ANY_ADDRESS });
  const ca = options.ca === undefined ? undefined : [options.ca].flat();
  return async ({ url, connectTo, accept, signal }) => {
    const target = connectTo ?? url;
    const { lookup, checkHost } = connectTo === undefined ? guard : trusting;
    checkHost(target.hostname);
    const request: RequestOptions = {
      hostname: target.hostname.replace(/^\[|\]$/g, ""),
      port: target.port,
      path: url.pathname + url.search,
      headers: { host: url.host, accept },
      servername: url.hostname,
      agent: false, // a pooled connection would have been checked for another name
      maxHeaderSize: 8192,
      lookup,
      signal,
      ...(ca === undefined ? {} : { ca: [...ca] }),
    };
    return new Promise((resolve, reject) => {
      const send = target.protocol === "https:" ? httpsRequest : httpRequest;
      send(request, (response) => {
        resolve({ status: response.statusCode ?? 0, contentType: response.headers["content-type"], body: response });
      })
        .on("error", reject)
        .end();
    });
  };
}
