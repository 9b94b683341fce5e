import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { pipeline, type Transform } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { DidError } from "../did-error.ts";
import type { DidFetch } from "../did-fetch.ts";
import type { AddressKind } from "./classify-address.ts";
import { createAddressGuard, type AddressGuardOptions } from "./address-guard.ts";

/** Options of {@link createNodeFetch}. */
export interface NodeFetchOptions extends AddressGuardOptions {
  /** Certificate authorities to trust instead of Node's defaults, in PEM. */
  readonly ca?: string | readonly string[];
}

/** Origins configured by the operator can have any address. */
const ANY_ADDRESS: readonly AddressKind[] = ["loopback", "private", "link-local", "shared", "multicast", "unspecified", "reserved"];

/** Content codings that need little memory. Brotli can require 16 MiB for each response. */
const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
]);

/**
 * Creates a fetch function that uses `node:http` and `node:https`, with one connection per document. It connects to public addresses only,
 * and to addresses of the allowed kinds. Redirects are returned like other responses. With `connectTo`, any address is allowed. Bodies in gzip
 * or deflate are decompressed while they are read, so that size limits apply to the decompressed body.
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
      agent: false, // the address of a pooled connection was checked for another name
      maxHeaderSize: 8192,
      lookup,
      signal,
      ...(ca === undefined ? {} : { ca: [...ca] }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = target.protocol === "https:" ? httpsRequest : httpRequest;
      send(request, resolve).on("error", reject).end();
    });
    return { status: response.statusCode ?? 0, contentType: response.headers["content-type"], body: decompress(response) };
  };
}

/**
 * Decompresses a body.
 *
 * @throws DidError `fetch_failed` for an unsupported content coding, or several.
 */
function decompress(response: IncomingMessage): AsyncIterable<Uint8Array> {
  const coding = response.headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (coding === "" || coding === "identity") return response;
  const create = DECODERS.get(coding);
  if (create === undefined) {
    response.destroy();
    throw new DidError(
      "fetch_failed",
      `The content coding ${coding.slice(0, 40)} of the response is not supported. Supported codings: gzip, deflate`,
    );
  }
  // Errors of either stream reach the reader of the decoded one.
  return pipeline(response, create(), () => {});
}
