import { checkValues, IS_POSITIVE, readCapped, runWithin } from "@parley/core/internal";
import type { ResolverRegistry } from "did-resolver";
import { DidError, timeoutError } from "./did-error.ts";
import type { DidFetch, DidFetchResponse } from "./did-fetch.ts";
import { canonicalDid } from "./did-syntax.ts";
import { didWebUrl, type DidWebUrlOptions } from "./did-web-url.ts";
import type { DidDocument } from "./did-document.ts";
import { asMethod } from "./as-method.ts";
import { parseDidDocument, readLimits, type DidDocumentLimits } from "./parse-did-document.ts";

/** Options of {@link didWebMethod}. */
export interface DidWebOptions extends DidWebUrlOptions {
  /** Sends the requests: in Node, `createNodeFetch()` of `@parley/did/node`. */
  readonly fetch: DidFetch;
  /**
   * Origins to connect to for some hosts, instead of a DNS lookup: `{ "alice-test.localhost": "http://127.0.0.1:4000" }`. Path and `Host`
   * header still come from the DID. Keys are hosts, with the port if the DID has one; values are http or https origins. For development, and
   * for your own hosts. Default: none.
   */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Timeout for one document, from the request to the last byte, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /** Most bytes of a document. Default 65536. */
  readonly maxBytes?: number;
  /** Limits on the content of a document. */
  readonly limits?: Partial<DidDocumentLimits>;
}

const ACCEPT = "application/did+json, application/did+ld+json, application/did, application/json";
/** The media types of DID 1.1 and DID 1.0, JSON, and any with the suffix `+json` (RFC 6839). */
const CONTENT_TYPE = /^\s*(?:application\/did|(?:application|text)\/(?:[\w.+-]+\+)?json)\s*(?:;|$)/i;

/**
 * The did:web method. A document is accepted only from the URL that the DID stands for (without redirects), within the limits of time and
 * size, as JSON, and if its `id` equals the DID. DIDs that are not in canonical form are rejected.
 *
 * @throws TypeError if an option is invalid, such as an entry of `hosts` that is not an http or https origin.
 * @see {@link https://w3c-ccg.github.io/did-method-web/ | did:web Method Specification}
 * @example
 * ```ts
 * import { createDidResolver, didWebMethod } from "@parley/did";
 * import { createNodeFetch } from "@parley/did/node";
 *
 * const methods = didWebMethod({ fetch: createNodeFetch(), timeoutMs: 2000 });
 * const document = await createDidResolver({ methods }).resolve("did:web:partner.example");
 * ```
 */
export function didWebMethod(options: DidWebOptions): ResolverRegistry {
  checkValues(options, IS_POSITIVE, ["timeoutMs", "maxBytes"]);
  const { fetch, timeoutMs = 5000, maxBytes = 65_536 } = options;
  const limits = readLimits(options.limits);
  const hosts = readHosts(options.hosts ?? {});
  const resolve = async (did: string, outer: AbortSignal | undefined): Promise<DidDocument> => {
    const url = didWebUrl(did, options);
    const canonical = canonicalDid(did);
    if (canonical !== did) throw new DidError("did_invalid", `The DID is not in canonical form. Use ${canonical}`);
    const connectTo = hosts.get(url.host);
    const bytes = await runWithin({ signals: [outer], timeoutMs, onTimeout: () => timeoutError(timeoutMs) }, async (signal) => {
      try {
        const request = { url, accept: ACCEPT, signal };
        return await readBody(await fetch(connectTo === undefined ? request : { ...request, connectTo }), maxBytes);
      } catch (error) {
        if (error instanceof DidError) throw error;
        throw new DidError("fetch_failed", `The DID document cannot be fetched from ${url.host}`, { cause: error });
      }
    });
    return parseDidDocument(parseJson(bytes), did, limits);
  };
  return { web: asMethod(resolve) };
}

function readHosts(hosts: Readonly<Record<string, string>>): ReadonlyMap<string, URL> {
  const origins = new Map<string, URL>();
  for (const [host, origin] of Object.entries(hosts)) {
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
      throw new TypeError(`hosts: the entry of ${host} must be an http or https origin`);
    }
    origins.set(host.toLowerCase(), url);
  }
  return origins;
}

async function readBody({ status, contentType, body }: DidFetchResponse, maxBytes: number): Promise<Uint8Array> {
  if (status === 404 || status === 410) throw new DidError("not_found", "The host has no document for this DID");
  if (status >= 300 && status < 400) throw new DidError("fetch_failed", "The host responded with a redirect, which is not followed");
  if (status !== 200) throw new DidError("fetch_failed", `The host responded with status ${status}`);
  if (!CONTENT_TYPE.test(contentType ?? "")) {
    throw new DidError("document_invalid", "The content type of the response is not JSON, such as application/did+json");
  }
  const bytes = await readCapped(body, maxBytes);
  if (bytes === undefined) throw new DidError("too_large", `The DID document has more than ${maxBytes} bytes`);
  return bytes;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DidError("document_invalid", "The DID document is not JSON", { cause: error });
  }
}
