import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { pipeline, type Transform } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { DidError } from "../did-error.ts";
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

/** Content codings that need little memory; brotli may demand 16 MiB for each answer. */
const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
]);

/**
 * Fetches over `node:http` and `node:https`, one connection per document, and never from an address that is not public unless its kind
 * is allowed. Redirects are answers like any other. Where the request names another place to connect to, no address is refused. Bodies
 * in gzip or deflate are decompressed as they are read, so that caps on size hold for what comes out.
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
      headers: { host: url.host, accept, "accept-encoding": "gzip, deflate" },
      servername: url.hostname,
      agent: false, // a pooled connection would have been checked for another name
      maxHeaderSize: 8192,
      lookup,
      signal,
      ...(ca === undefined ? {} : { ca: [...ca] }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = target.protocol === "https:" ? httpsRequest : httpRequest;
      send(request, resolve).on("error", reject).end();
    });
    return { status: response.statusCode ?? 0, contentType: response.headers["content-type"], body: decoded(response) };
  };
}

/** @throws DidError `fetch_failed` for an unknown content coding, or several. */
function decoded(response: IncomingMessage): AsyncIterable<Uint8Array> {
  const coding = response.headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (coding === "" || coding === "identity") return response;
  const create = DECODERS.get(coding);
  if (create === undefined) {
    response.destroy();
    throw new DidError("fetch_failed", `The host's answer is in the content coding ${coding.slice(0, 40)}; gzip and deflate can be read`);
  }
  // Errors of either stream reach the reader of the decoded one.
  return pipeline(response, create(), () => {});
}
