import type { IncomingMessage } from "node:http";
import { BATCH_HEADER, readBatchLimit } from "@parley/core/internal";

/** Path that agents connect to. */
export const SOCKET_PATH = "/plugin_socket/websocket";

/** The parts of an upgrade request that the node uses. */
export interface UpgradeRequest {
  readonly path: string;
  /** The API key, from the header `x-api-key` or, by older SDKs, the query `api_key`. */
  readonly apiKey: string | undefined;
  /** Protocol version of Phoenix' serializer; older clients leave it out. */
  readonly vsn: string | undefined;
  /** Maximum batch of frames that the client accepts, in bytes; 0 for clients without batches. */
  readonly maxBatchBytes: number;
  /** The client's address, for the log. */
  readonly address: string;
}

/** Parses an upgrade request; `undefined` if its URL is invalid. */
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
