import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { BATCH_HEADER, deferred, MAX_BATCH_BYTES, readBatchLimit, type Deferred } from "@parley/core/internal";
import { WebSocketServer, type Server as LinkServer } from "ws";
import { LinkedWebSocket, PhoenixSocket, type SocketEvents, type SocketLimits, type SocketOwner } from "./phoenix-socket.ts";
import { ignoreUpgrade, readUpgrade, SOCKET_PATH, wantsWebSocket, type UpgradeRequest } from "./upgrade.ts";

/** Time that a rejected client has to disconnect, in milliseconds. */
const LINGER_MS = 1000;

/** HTTP status of a rejected upgrade. */
export type UpgradeRejection = 403 | 404 | 429 | 503;

/** An authenticated socket and its owner. */
export interface AuthenticatedSocket extends SocketOwner {
  /** Identifies the owner for {@link PhoenixServer.drop}. */
  readonly owner: string;
  /** Called when the socket has closed. */
  onClose(): void;
}

/** Options of {@link PhoenixServer}. */
export interface PhoenixServerOptions {
  readonly limits: SocketLimits & { readonly maxFrameBytes: number };
  /** The client's address, for the log. */
  addressOf(request: IncomingMessage): string;
  /** Authenticates an upgrade request, or returns the HTTP status with which it is rejected. */
  readonly admit: (request: UpgradeRequest) => AuthenticatedSocket | UpgradeRejection;
  /** Called when a connection is authenticated and counts for its owner. */
  onIdentified(socket: Socket): void;
  readonly events: Omit<SocketEvents, "onClose"> & { onRejected(status: UpgradeRejection): void };
}

/** Accepts WebSockets on an HTTP server at {@link SOCKET_PATH} and serves Phoenix Channels V2 on each. */
export class PhoenixServer {
  readonly #options: PhoenixServerOptions;
  readonly #wss: LinkServer<typeof LinkedWebSocket>;
  readonly #socketEvents: SocketEvents;
  /** Open sockets and their owners. */
  readonly #sockets = new Map<PhoenixSocket, string>();
  #closing: Deferred<void> | undefined;

  constructor(server: Server, options: PhoenixServerOptions) {
    this.#options = options;
    this.#socketEvents = {
      ...options.events,
      onClose: (socket) => {
        this.#sockets.delete(socket);
        if (this.#sockets.size === 0) this.#closing?.resolve();
      },
    };
    this.#wss = new WebSocketServer({
      noServer: true,
      WebSocket: LinkedWebSocket,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.limits.maxFrameBytes,
      // Phoenix clients with a token offer this subprotocol and require it in the response.
      handleProtocols: (protocols) => (protocols.has("phoenix") ? "phoenix" : false),
    });
    // Agents compare this with their own clock, because the node decides about `expires_time`.
    this.#wss.on("headers", (headers, request) => {
      headers.push(`Date: ${new Date().toUTCString()}`);
      if (readBatchLimit(request.headers[BATCH_HEADER]) > 0) headers.push(`${BATCH_HEADER}: ${MAX_BATCH_BYTES}`);
    });
    server.on("upgrade", (request, stream, head) => {
      if (wantsWebSocket(request)) this.#onUpgrade(request, stream, head);
      else ignoreUpgrade(server, request, stream, head);
    });
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Pings silent clients and drops unresponsive ones. Called by the node, every second. */
  checkIdle(): void {
    for (const socket of this.#sockets.keys()) socket.checkIdle();
  }

  /** Closes the sockets of an owner whose key was revoked. */
  drop(owner: string): void {
    for (const [socket, of] of this.#sockets) if (of === owner) socket.close(1008, "the API key was revoked");
  }

  /** Closes all sockets, so that their clients connect again, to another node if this one rejects them. */
  disconnectAll(reason: string): void {
    for (const socket of this.#sockets.keys()) socket.close(1012, reason);
  }

  /** Rejects new sockets and requests that all clients reconnect later. Links that remain after `graceMs` are dropped. */
  async close(graceMs: number): Promise<void> {
    this.#closing = deferred();
    this.disconnectAll("the node is stopping");
    if (this.#sockets.size === 0) return;
    const timer = setTimeout(() => {
      for (const socket of this.#sockets.keys()) socket.terminate();
    }, graceMs);
    await this.#closing.promise;
    clearTimeout(timer);
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on("error", destroy);
    const upgrade = readUpgrade(request, this.#options.addressOf(request));
    if (upgrade?.path !== SOCKET_PATH) return this.#reject(stream, 404);
    if (this.#closing !== undefined) return this.#reject(stream, 503);
    if (upgrade.vsn !== undefined && !upgrade.vsn.startsWith("2.")) return this.#reject(stream, 403);
    const admitted = this.#options.admit(upgrade);
    if (typeof admitted === "number") return this.#reject(stream, admitted);
    this.#options.onIdentified(request.socket);
    // A handshake that fails midway ends the stream before a WebSocket exists.
    releaseWith(stream, admitted);
    this.#wss.handleUpgrade(request, stream, head, (ws) => {
      const options = { owner: admitted, limits: this.#options.limits, events: this.#socketEvents };
      this.#sockets.set(new PhoenixSocket(ws, stream, upgrade.maxBatchBytes, options), admitted.owner);
    });
  }

  #reject(stream: Duplex, status: UpgradeRejection): void {
    this.#options.events.onRejected(status);
    const reason = { 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable" }[status];
    stream.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    setTimeout(() => stream.destroy(), LINGER_MS).unref();
  }
}

function destroy(this: Duplex): void {
  this.destroy();
}

/** Ends a socket when its stream closes. In a function of its own, since a listener keeps all variables of the function around it in memory. */
function releaseWith(stream: Duplex, admitted: AuthenticatedSocket): void {
  stream.on("close", () => admitted.onClose());
}
