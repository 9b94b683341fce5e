import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { announce } from "./announcement.ts";
import type { LensReport } from "./report.ts";

/** Options of {@link openLens}. */
export interface LensOptions {
  /** Directory of the announcement; created with mode 0700 if missing. */
  readonly directory: string;
  /** The agent's name, for people. */
  readonly name: string;
  /** Called for each request. Must return neither plaintext nor private keys. */
  readonly read: () => LensReport;
}

/** An open lens. */
export interface Lens {
  /** Closes the port and removes the announcement. Idempotent. */
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 5000;
const MAX_CONNECTIONS = 16;

/**
 * Opens a port on loopback that reports what this process knows of its channels or bridges, and announces it in a directory. Requests need
 * the token in the announcement, which only this user can read. Neither the port nor a request keeps the process alive.
 *
 * @throws the system's error of the port or the directory
 * @example
 * ```ts
 * import { openLens } from "@parley/lens";
 *
 * const lens = await openLens({ directory: ".parley/lenses", name: "alice", read: () => ({ kind: "channels", channels: [] }) });
 * await lens.close();
 * ```
 */
export async function openLens({ directory, name, read }: LensOptions): Promise<Lens> {
  const token = randomBytes(32).toString("base64url");
  let host = "";
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, response, { host, token, read });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (socket) => socket.unref());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  let path: string;
  try {
    path = await announce(directory, { name, pid: process.pid, openedAt: Date.now(), url: `http://${host}`, token });
  } catch (error) {
    await stop();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await rm(path, { force: true });
    await stop();
  };
  return { close: () => (closing ??= close()) };
}

function answer(
  { method, url, headers }: IncomingMessage,
  response: ServerResponse,
  { host, token, read }: { readonly host: string; readonly token: string; readonly read: () => LensReport },
): void {
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff" });
    response.end(JSON.stringify(value));
  };
  // Pages of browsers are refused: they ask the console's server.
  if (headers.host !== host || headers.origin !== undefined || headers["sec-fetch-site"] !== undefined)
    return send(403, { error: "only the console's server may ask a lens", code: "wrong_origin" });
  if (!isEqual(headers.authorization ?? "", `Bearer ${token}`))
    return send(401, { error: "the token is missing or wrong", code: "wrong_token" });
  if (method !== "GET" || url !== "/report") return send(404, { error: "no such path", code: "not_found" });
  try {
    return send(200, read());
  } catch {
    return send(500, { error: "the report failed", code: "failed" });
  }
}

/** Compares hashes, in the same time for all texts. */
function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(createHash("sha256").update(one).digest(), createHash("sha256").update(other).digest());
}
