import { createAddressGuard } from "@parley/did/node";
import { VcError, type StatusListFetch } from "@parley/vc";
import { Client } from "undici";
import { abortable } from "./abortable.ts";
import { readCapped } from "./body.ts";
import type { ResolutionOptions } from "./resolution.ts";

const ACCEPT = "application/vc+jwt, application/vc, application/jwt, application/json;q=0.9, text/plain;q=0.5";
const TIMEOUT_MS = 5000;

/**
 * Gets status lists as strictly as documents of DIDs: over https (plain http only for loopback names, where that is allowed), from public
 * addresses and those that are allowed, each over a connection of its own, without redirects, within a time and a size.
 */
export function createStatusFetch({ allow = [], httpForLoopback = false, hosts = {}, ca }: ResolutionOptions): StatusListFetch {
  const guard = createAddressGuard({ allow });
  const origins = new Map(Object.entries(hosts).map(([host, origin]) => [host.toLowerCase(), origin]));
  return async (list, { signal, maxBytes }) => {
    const url = readUrl(list, httpForLoopback);
    const connectTo = origins.get(url.host);
    if (connectTo === undefined) guard.checkHost(url.hostname);
    const client = new Client(connectTo ?? url.origin, {
      maxHeaderSize: 8192,
      connect: {
        timeout: TIMEOUT_MS,
        // The table's origins are the operator's own and may be anywhere.
        ...(connectTo === undefined ? { lookup: guard.lookup } : {}),
        ...(ca === undefined ? {} : { ca: [ca].flat() }),
      },
    });
    try {
      const onTimeout = (): Error => unavailable(`did not arrive within ${TIMEOUT_MS} ms`, true);
      return await abortable({ signals: [signal], timeoutMs: TIMEOUT_MS, onTimeout }, async (inner) => {
        const headers = { host: url.host, accept: ACCEPT };
        const { statusCode, body } = await client.request({ method: "GET", path: url.pathname + url.search, headers, signal: inner });
        if (statusCode !== 200) throw unavailable(`was answered with status ${statusCode}`, statusCode >= 500);
        const bytes = await readCapped(body, maxBytes);
        if (bytes === undefined) throw unavailable(`has more than ${maxBytes} bytes`, false);
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof VcError ? error : unavailable("can't be fetched", true, error);
    } finally {
      await client.destroy();
    }
  };
}

function readUrl(list: string, httpForLoopback: boolean): URL {
  const url = URL.canParse(list) ? new URL(list) : undefined;
  const isPlain = httpForLoopback && url?.protocol === "http:" && /(?:^|\.)localhost$/.test(url.hostname);
  if (url === undefined || !(isPlain || url.protocol === "https:") || url.username !== "" || url.password !== "") {
    throw unavailable("is at a URL that is not asked: it must be https, without a user", false);
  }
  return url;
}

function unavailable(what: string, retryable: boolean, cause?: unknown): VcError {
  return new VcError("status_unavailable", `The status list ${what}`, { retryable, cause });
}
