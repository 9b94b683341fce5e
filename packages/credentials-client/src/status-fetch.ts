import { createAddressGuard } from "@parley/did/node";
import { VcError, type StatusListFetch } from "@parley/vc";
import { Client } from "undici";
import { abortable } from "./abortable.ts";
import { readCapped } from "./body.ts";
import type { DevelopmentOptions } from "./development.ts";

const ACCEPT = "application/vc+jwt, application/vc, application/jwt, application/json, text/plain";
const TIMEOUT_MS = 5000;

/**
 * Gets status lists over https from public addresses, each over a connection of its own, and follows no redirects. Its failures are
 * `status_unavailable`.
 */
export function createStatusFetch({ loopback = false, hosts = {}, ca }: DevelopmentOptions): StatusListFetch {
  const guard = createAddressGuard({ allow: loopback ? ["loopback"] : [] });
  return async (list, { signal, maxBytes }) => {
    const url = URL.canParse(list) ? new URL(list) : undefined;
    const isHttps = url?.protocol === "https:";
    const isLocalHttp = loopback && url?.protocol === "http:" && /(?:^|\.)localhost$/.test(url.hostname);
    if (url === undefined || !(isHttps || isLocalHttp)) throw unavailable("is not at an https URL");
    const connectTo = Object.hasOwn(hosts, url.host) ? hosts[url.host] : undefined;
    // What the table names is the operator's own and may be anywhere.
    const lookup = connectTo === undefined ? guard.lookup : undefined;
    if (connectTo === undefined) guard.checkHost(url.hostname);
    const client = new Client(connectTo ?? url.origin, {
      maxHeaderSize: 8192,
      connect: { timeout: TIMEOUT_MS, ...(lookup === undefined ? {} : { lookup }), ...(ca === undefined ? {} : { ca: [ca].flat() }) },
    });
    try {
      const onTimeout = (): Error => unavailable(`did not arrive within ${TIMEOUT_MS} ms`);
      return await abortable({ signals: [signal], timeoutMs: TIMEOUT_MS, onTimeout }, async (inner) => {
        const headers = { host: url.host, accept: ACCEPT };
        const { statusCode, body } = await client.request({ method: "GET", path: url.pathname + url.search, headers, signal: inner });
        if (statusCode !== 200) throw unavailable(`was answered with status ${statusCode}`);
        const bytes = await readCapped(body, maxBytes);
        if (bytes === undefined) throw unavailable(`has more than ${maxBytes} bytes`);
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof VcError ? error : unavailable("can't be fetched", error);
    } finally {
      await client.destroy();
    }
  };
}

function unavailable(what: string, cause?: unknown): VcError {
  return new VcError("status_unavailable", `The status list ${what}`, { cause });
}
