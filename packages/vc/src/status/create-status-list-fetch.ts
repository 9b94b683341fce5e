import { ParleyError } from "@parley/core";
import { runWithin } from "@parley/core/internal";
import type { DidFetch, DidFetchResponse } from "@parley/did";
import { checkNotNegative } from "../check-numbers.ts";
import { VcError } from "../vc-error.ts";
import type { StatusListFetch } from "./status-list-fetch.ts";

/** Options of {@link createStatusListFetch}. */
export interface StatusListFetchOptions {
  /** Sends the requests. `createNodeFetch()` of `@parley/did/node` rejects private addresses. */
  readonly fetch: DidFetch;
  /** Allow plain http for `localhost` and names below it, also without an entry in `hosts`. All other hosts require https. Default `false`. */
  readonly httpForLoopback?: boolean;
  /**
   * Origins to connect to for some hosts, instead of a DNS lookup: `{ "issuer.localhost": "http://127.0.0.1:4000" }`. Keys are hosts, with
   * the port if the URL has one; values are http or https origins. URLs of `localhost` and names below it may then be http. Default: none.
   */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Timeout for one list, from the request to the last byte, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
}

const ACCEPT = "application/vc+jwt, application/statuslist+jwt, application/vc, application/jwt, application/json;q=0.9, text/plain;q=0.5";

/**
 * Creates a function that fetches status lists with the rules of did:web: https, status 200, no redirects, limited time and size, UTF-8.
 * It rejects with a VcError `status_unavailable`, or with the error of `fetch` if that is a `ParleyError`.
 *
 * @throws TypeError if `timeoutMs` is not a number, or an entry of `hosts` is not a URL.
 * @example
 * ```ts
 * import { createNodeFetch } from "@parley/did/node";
 * import { createStatusListFetch } from "@parley/vc";
 *
 * const status = createStatusListFetch({ fetch: createNodeFetch() });
 * ```
 */
export function createStatusListFetch(options: StatusListFetchOptions): StatusListFetch {
  const { fetch, httpForLoopback = false } = options;
  const timeoutMs = checkNotNegative(options.timeoutMs ?? 5000, "timeoutMs");
  const hosts = new Map(Object.entries(options.hosts ?? {}).map(([host, origin]) => [host.toLowerCase(), new URL(origin)]));
  return async (text, { signal, maxBytes }) => {
    signal.throwIfAborted();
    const url = readUrl(text, ({ host }) => httpForLoopback || hosts.has(host));
    const connectTo = hosts.get(url.host);
    const onTimeout = (): Error => unavailable(`did not arrive within ${timeoutMs} ms`, true);
    return runWithin({ signals: [signal], timeoutMs, onTimeout }, async (within) => {
      try {
        const request = { url, accept: ACCEPT, signal: within };
        return await readList(await fetch(connectTo === undefined ? request : { ...request, connectTo }), maxBytes);
      } catch (error) {
        throw error instanceof ParleyError ? error : unavailable("cannot be fetched", true, error);
      }
    });
  };
}

function readUrl(text: string, mayBePlain: (loopback: URL) => boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== "" || url.password !== "" || !/^https?:$/.test(url.protocol)) {
    throw unavailable("has a URL that is not allowed: it must be https and without credentials", false);
  }
  if (url.protocol === "https:") return url;
  if (!/(?:^|\.)localhost$/.test(url.hostname)) throw unavailable("has a URL that is not allowed: it must be https", false);
  if (mayBePlain(url)) return url;
  throw unavailable(`has a URL that is not allowed here: http needs an entry of ${url.host} in hosts, or httpForLoopback`, false);
}

async function readList({ status, body }: DidFetchResponse, maxBytes: number): Promise<string> {
  if (status !== 200) throw unavailable(`cannot be fetched: the host responded with status ${status}`, status >= 500);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw unavailable(`has more than ${maxBytes} bytes`, false);
    text += decoder.decode(chunk, { stream: true });
  }
  return (text + decoder.decode()).trim();
}

function unavailable(problem: string, retryable: boolean, cause?: unknown): VcError {
  return new VcError("status_unavailable", `The status list ${problem}`, { retryable, cause });
}
