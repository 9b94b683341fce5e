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
  readonly signal?: AbortSignal;
  /** Timeout for the whole exchange, body included, in milliseconds. Cheaper than a signal for each request. Default: none. */
  readonly timeoutMs?: number;
}

/** Idle connections are closed after this time, in milliseconds. Servers close theirs after 5 s or later. */
const IDLE_MS = 4000;

/**
 * A pool of keep-alive connections to one origin. It uses `node:http`, which Node, Bun and Deno implement and bundlers leave external.
 * Redirects are not followed.
 */
export class HttpConnections {
  /** Host and port. Passing them instead of a URL saves parsing it for each request, which takes 20 µs. */
  readonly #server: { readonly hostname: string; readonly port: string };
  readonly #send: typeof httpRequest;
  readonly #agent: HttpAgent;
  readonly #connectTimeoutMs: number | undefined;
  /** Requests waiting for a connection or in flight: each function fails one. */
  readonly #unfinished = new Set<(reason: unknown) => void>();

  constructor(origin: string, { maxConnections, lookup, tls, connectTimeoutMs }: HttpConnectionsOptions) {
    const options = { keepAlive: true, timeout: IDLE_MS, maxSockets: maxConnections, ...tls, ...(lookup !== undefined && { lookup }) };
    const { protocol, hostname, port } = new URL(origin);
    const isHttps = protocol === "https:";
    // URLs have brackets around IPv6 addresses, and no port if it is the default one.
    this.#server = { hostname: hostname.replaceAll(/^\[|\]$/g, ""), port };
    this.#send = isHttps ? httpsRequest : httpRequest;
    this.#agent = isHttps ? new HttpsAgent(options) : new HttpAgent(options);
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** Whether no request is in flight or queued. */
  get isIdle(): boolean {
    return Object.keys(this.#agent.sockets).length === 0 && Object.keys(this.#agent.requests).length === 0;
  }

  /**
   * Sends a request and resolves with the head of the response. The caller must read or destroy the body.
   *
   * @throws Node's error, the reason of the signal, or an error after the timeout.
   */
  request({ path, method, headers, body = "", signal, timeoutMs }: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const length = method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const send = this.#send;
      // The spread comes last: see "Objects" in bench/README.md.
      const sent = send({ path, method, headers: { ...headers, ...length }, agent: this.#agent, ...this.#server });
      let response: IncomingMessage | undefined;
      // Node's own options for this are not used: aborting at the moment of the response throws an uncaught error in Node 20.
      const fail = (reason: unknown): void => {
        reject(reason);
        (response ?? sent).destroy();
      };
      const abort = (): void => fail(signal?.reason);
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => fail(new Error("No answer in time")), timeoutMs);
      this.#unfinished.add(fail);
      sent.on("response", (incoming) => {
        response = incoming.on("error", () => {}); // the reader of the body gets the error
        resolve(incoming);
      });
      sent.on("error", reject);
      const limitMs = this.#connectTimeoutMs;
      if (limitMs !== undefined) sent.once("socket", (socket) => limitConnecting(socket, limitMs));
      sent.on("close", () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#unfinished.delete(fail);
        // Errors are expensive, because they capture the stack.
        if (response === undefined) reject(new Error("The connection ended before the response"));
      });
      if (signal?.aborted === true) abort();
      else signal?.addEventListener("abort", abort);
      sent.end(body);
    });
  }

  /** Closes all connections; requests in flight and waiting ones fail. */
  close(reason: Error = new Error("The connections were closed")): void {
    for (const fail of this.#unfinished) fail(reason);
    this.#agent.destroy();
  }
}

function limitConnecting(socket: Socket, limitMs: number): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => socket.destroy(new Error(`No connection within ${limitMs} ms`)), limitMs);
  socket.once("connect", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}
