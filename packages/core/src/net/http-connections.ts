import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction, Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";

/** Options of {@link HttpConnections}. */
export interface HttpConnectionsOptions {
  /** Most connections open at once. Further requests are queued. */
  readonly maxConnections: number;
  /** Resolves the host name. Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
  readonly tls?: ConnectionOptions | undefined;
  /** Timeout for resolving the name and connecting, in milliseconds. Default: none. */
  readonly connectTimeoutMs?: number;
}

/** One request. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

/** Idle connections are closed after this time, in milliseconds. Servers close theirs after 5 s or later. */
const IDLE_MS = 4000;

/**
 * A pool of keep-alive connections to one origin. It uses `node:http`, which Node, Bun and Deno implement and bundlers leave external.
 * Redirects are not followed.
 */
export class HttpConnections {
  readonly #origin: string;
  readonly #agent: HttpAgent;
  readonly #connectTimeoutMs: number | undefined;

  constructor(origin: string, { maxConnections, lookup, tls, connectTimeoutMs }: HttpConnectionsOptions) {
    const options = { keepAlive: true, timeout: IDLE_MS, maxSockets: maxConnections, ...tls, ...(lookup !== undefined && { lookup }) };
    this.#origin = origin;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#agent = origin.startsWith("https:") ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Whether no request is in flight or queued. */
  get isIdle(): boolean {
    return Object.keys(this.#agent.sockets).length === 0 && Object.keys(this.#agent.requests).length === 0;
  }

  /**
   * Sends a request and resolves with the head of the response. The caller must read or destroy the body.
   *
   * @throws Node's error, or the reason of the signal.
   */
  request(request: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { path, method, headers, body = "", signal } = request;
      const send = this.#origin.startsWith("https:") ? httpsRequest : httpRequest;
      const length = method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const sent = send(this.#origin + path, { method, headers: { ...headers, ...length }, agent: this.#agent });
      let response: IncomingMessage | undefined;
      // Node's own `signal` option is not used: aborting at the moment of the response throws an uncaught error in Node 20.
      const abort = (): void => {
        reject(signal.reason);
        (response ?? sent).destroy();
      };
      sent.on("response", (incoming) => {
        response = incoming.on("error", () => {}); // the reader of the body gets the error
        resolve(incoming);
      });
      sent.on("error", reject);
      const limitMs = this.#connectTimeoutMs;
      if (limitMs !== undefined) sent.once("socket", (socket) => limitConnecting(socket, limitMs));
      sent.on("close", () => {
        signal.removeEventListener("abort", abort);
        reject(new Error("The connection ended before the response"));
      });
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort);
      sent.end(body);
    });
  }

  /** Closes all connections; requests in flight fail. */
  close(): void {
    this.#agent.destroy();
  }
}

function limitConnecting(socket: Socket, limitMs: number): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => socket.destroy(new Error(`No connection within ${limitMs} ms`)), limitMs);
  socket.once("connect", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}
