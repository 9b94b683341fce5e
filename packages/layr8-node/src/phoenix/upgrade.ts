import type { IncomingMessage } from "node:http";
import { BATCH_HEADER, readBatchLimit } from "@parley/core/internal";

/** Where agents connect. */
export const SOCKET_PATH = "/plugin_socket/websocket";

/** What an upgrade request asks for. */
export interface UpgradeRequest {
  readonly path: string;
  /** The API key, from the header `x-api-key` or, by older SDKs, the query `api_key`. */
  readonly apiKey: string | undefined;
  /** Protocol version of Phoenix' serializer; older clients leave it out. */
  readonly vsn: string | undefined;
  /** The largest batch of frames that the client accepts, in bytes; 0 for clients that accept none. */
  readonly maxBatchBytes: number;
  /** Where the connection comes from, for the log. */
  readonly address: string;
}

/** Reads an upgrade request; `undefined` if its URL is none. */
export function readUpgrade(request: IncomingMessage, address: string): UpgradeRequest | undefined {
  let url: URL;
  try {
    url = new URL(request.url ?? "/", "http://node");
  } catch {
    return undefined;
  }
  const header = request.headers["x-api-key"];
  return {
    path: url.pathname.replace(/\/$/, ""),
    apiKey: (typeof header === "string" ? header : undefined) ?? url.searchParams.get("api_key") ?? undefined,
    vsn: url.searchParams.get("vsn") ?? undefined,
    maxBatchBytes: readBatchLimit(request.headers[BATCH_HEADER]),
    address,
  };
}
