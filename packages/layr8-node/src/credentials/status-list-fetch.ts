import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { createAddressGuard } from "@parley/did/node";
import { VcError, type StatusListFetch } from "@parley/vc";
import type { Resolution } from "./resolution.ts";

const ACCEPT = "application/vc+jwt, application/vc, application/jwt, application/json;q=0.9, text/plain;q=0.5";
const MAX_HEADER_BYTES = 8192;

/**
 * Gets status lists as strictly as documents of DIDs: over https (plain http only for loopback names, where that is allowed), from public
 * addresses (and those that are allowed), following no redirect, within a time and a size.
 */
export function createStatusListFetch({ allow, httpForLoopback, hosts, timeoutMs }: Resolution): StatusListFetch {
  const guard = createAddressGuard({ allow });
  const origins = new Map(Object.entries(hosts).map(([host, origin]) => [host.toLowerCase(), new URL(origin)]));
  return async (text, { signal, maxBytes }) => {
    const url = readUrl(text, httpForLoopback);
    const target = origins.get(url.host);
    if (target === undefined) guard.checkHost(url.hostname);
    const { hostname, port, protocol } = target ?? url;
    const options: RequestOptions = {
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      path: url.pathname + url.search,
      headers: { host: url.host, accept: ACCEPT },
      servername: url.hostname,
      agent: false, // a pooled connection would have been checked for another name
      maxHeaderSize: MAX_HEADER_BYTES,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      // The table's origins are the operator's own and may be anywhere.
      ...(target === undefined && { lookup: guard.lookup }),
    };
    try {
      return await readText(await send(protocol === "https:" ? httpsRequest : httpRequest, options), maxBytes);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof VcError) throw error;
      throw unavailable(`The status list of ${url.host} can't be fetched`, true, error);
    }
  };
}

function readUrl(text: string, httpForLoopback: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = httpForLoopback && url?.protocol === "http:" && /(?:^|\.)localhost$/.test(url.hostname);
  if (url === undefined || !(plain || url.protocol === "https:") || url.username !== "" || url.password !== "") {
    throw unavailable("The status list's URL is none that is asked: it must be https, without a user", false);
  }
  return url;
}

function send(request: typeof httpRequest, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(options, resolve).on("error", reject).end();
  });
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  try {
    if (response.statusCode !== 200) {
      throw unavailable(`The status list's host answered with status ${response.statusCode}`, (response.statusCode ?? 0) >= 500);
    }
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw unavailable(`The status list has more than ${maxBytes} bytes`, false);
      chunks.push(chunk);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks, length)).trim();
  } finally {
    response.destroy();
  }
}

function unavailable(message: string, retryable: boolean, cause?: unknown): VcError {
  return new VcError("status_unavailable", message, { retryable, cause });
}
