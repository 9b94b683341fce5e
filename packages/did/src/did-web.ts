import { readCapped, runWithin } from "@parley/core/internal";
import type { ResolverRegistry } from "did-resolver";
import { DidError, notResolved } from "./did-error.ts";
import type { DidFetch, DidFetchResponse } from "./did-fetch.ts";
import { canonicalDid } from "./did-syntax.ts";
import { didWebUrl, type DidWebUrlOptions } from "./did-web-url.ts";
import type { DidDocument } from "./document.ts";
import { asMethod } from "./method.ts";
import { parseDidDocument, type DidDocumentLimits } from "./parse-document.ts";

/** How did:web documents are fetched and read. */
export interface DidWebOptions extends DidWebUrlOptions {
  /** Does the requests. `createNodeFetch()` of `@parley/did/node` in Node. */
  readonly fetch: DidFetch;
  /**
   * Where to connect for a host, instead of asking DNS: `{ "alice-test.localhost": "http://127.0.0.1:4000" }`. The path follows from the
   * DID as ever, and the `Host` header is the DID's host. Keys are hosts, with the port if the DID has one; values are http or https
   * origins. For development, and for hosts of one's own. Default: none.
   */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Longest time for one document, from the request to its last byte. Default 5000; 1000 to 30000 is sensible. */
  readonly timeoutMs?: number;
  /** Largest document, in bytes. Default 65536. */
  readonly maxBytes?: number;
  /** Caps on what a document may hold. */
  readonly limits?: Partial<DidDocumentLimits>;
}

const ACCEPT = "application/did+json, application/did+ld+json, application/did, application/json";
/** JSON under any name: that of DID 1.1, those of DID 1.0, and whatever ends in `+json` (RFC 6839). */
const CONTENT_TYPE = /^\s*(?:application\/did|(?:application|text)\/(?:[\w.+-]+\+)?json)\s*(?:;|$)/i;

/**
 * The did:web method. A document is taken only from the very URL that the DID names (no redirects), within its limits of time and size,
 * as JSON, and only if its `id` is the DID by the letter. A DID in another than its canonical spelling is not resolved.
 *
 * @throws TypeError for an entry of `hosts` that is no http or https origin.
 * @see {@link https://w3c-ccg.github.io/did-method-web/ | did:web Method Specification}
 */
export function didWebMethod(options: DidWebOptions): ResolverRegistry {
  const { fetch, timeoutMs = 5000, maxBytes = 65_536, limits } = options;
  const hosts = readHosts(options.hosts ?? {});
  const resolve = async (did: string, outer: AbortSignal | undefined): Promise<DidDocument> => {
    const url = didWebUrl(did, options);
    const canonical = canonicalDid(did);
    if (canonical !== did) throw new DidError("did_invalid", `This DID has another spelling. Write it ${canonical}`);
    const connectTo = hosts.get(url.host);
    const bytes = await runWithin({ signals: [outer], timeoutMs, onTimeout: () => notResolved(timeoutMs) }, async (signal) => {
      try {
        const request = { url, accept: ACCEPT, signal };
        return await readBody(await fetch(connectTo === undefined ? request : { ...request, connectTo }), maxBytes);
      } catch (error) {
        if (error instanceof DidError) throw error;
        throw new DidError("fetch_failed", `${url.host} can't be asked for the DID document`, { cause: error });
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
  if (status >= 300 && status < 400) throw new DidError("fetch_failed", "The host redirects, which is not followed");
  if (status !== 200) throw new DidError("fetch_failed", `The host answered with status ${status}`);
  if (!CONTENT_TYPE.test(contentType ?? ""))
    throw new DidError("document_invalid", "The host's answer is not JSON by its content type; application/did+json is the usual one");
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
