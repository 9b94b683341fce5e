import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Server, Socket } from "node:net";
import { addressKey } from "@parley/core/internal";
import { OwnerShares } from "./owner-shares.ts";

/**
 * Why a connection was dropped. `share`: its owner has its share, or the port is full. `silent`: it sent nothing in time. `unauthenticated`:
 * it presented no token or key in time.
 */
export type DropReason = "share" | "silent" | "unauthenticated";

/** Options of {@link Connections}. */
export interface ConnectionsOptions {
  /** Total number of TCP connections, capped at 40 % of the process's file descriptors. */
  readonly max: number;
  /** Whether an address belongs to a trusted proxy, which forwards the connections of many clients. */
  readonly isProxy?: (address: string) => boolean;
  /** Called when a connection was dropped. */
  readonly onDropped?: (reason: DropReason) => void;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

interface Connection {
  readonly peer: string;
  readonly socket: Socket;
  readonly openedAt: number;
  owner: string;
  /** The peer has sent valid data of the port's protocol. */
  isHeard: boolean;
  isIdentified: boolean;
  /** Requests or streams in progress. */
  active: number;
}

/** A connection's socket, or its {@link peerOf} where the protocol's library gives no other name: of several, the latest one is meant. */
type Client = Socket | string;

/** The fraction of all connections that one address or account may hold, and the fraction reserved for owners without a connection. */
const PER_OWNER = 1 / 4;
/** How long the rest of a body may take after the answer to its request, in milliseconds. */
const UNREAD_BODY_MS = 1000;
const RESERVED = 1 / 8;
/** How long a connection may stay silent, in milliseconds. */
const SILENT_MS = 10_000;
/** How long a connection may stay open without a stream and without a token or key, in milliseconds. */
const UNAUTHENTICATED_MS = 30_000;
/** The fraction of the process's file descriptors that the connections of one port may use. */
const OF_DESCRIPTORS = 0.4;

/**
 * Limits the TCP connections of one port: per address (IPv6: per /64 network) before the first byte is read, and per account after a token
 * or key was presented. A connection is idle while it has neither a request or stream nor an account. When the limit is reached, a new
 * connection replaces an idle one: see {@link OwnerShares.toReplace}.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #now: () => number;
  readonly #shares: OwnerShares<Connection>;
  readonly #all = new Map<Socket, Connection>();
  /** The latest connection of each peer. A client can use one port of its own for a connection to each address of the server. */
  readonly #byPeer = new Map<string, Connection>();
  /** One listener for all sockets, which keeps no connection in memory that was released. */
  readonly #onClose: (this: Socket) => void;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const forget = (socket: Socket): void => this.#forget(this.#all.get(socket));
    this.#onClose = function () {
      forget(this);
    };
    const total = Math.max(1, Math.min(options.max, Math.floor(maxDescriptors() * OF_DESCRIPTORS)));
    this.#shares = new OwnerShares({
      total,
      perOwner: Math.max(1, Math.floor(total * PER_OWNER)),
      reserved: Math.floor(total * RESERVED),
    });
  }

  get size(): number {
    return this.#all.size;
  }

  /** Counts the connections of a server. A rejected connection never reaches the server's own listeners. */
  attach(server: Server): void {
    const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (this.#open(socket)) for (const listener of listeners) listener.call(server, socket);
      else socket.destroy();
    });
  }

  /** Counts the connections of an HTTP/1.1 server and tracks its requests. */
  attachHttp(server: HttpServer): void {
    this.attach(server);
    server.prependListener("request", (request, response) => {
      response.once("close", this.began(request.socket));
      response.once("finish", () => endUnreadBody(request));
    });
  }

  /** Called when a connection has sent valid data of the protocol. */
  heard(client: Client): void {
    const connection = this.#find(client);
    if (connection !== undefined) connection.isHeard = true;
  }

  /** Called when a request or stream begins. Returns the function to call when it ends. */
  began(client: Client): () => void {
    const connection = this.#find(client);
    if (connection === undefined) return () => undefined;
    connection.isHeard = true;
    connection.active += 1;
    this.#setIdle(connection);
    return () => {
      connection.active -= 1;
      if (this.#isOpen(connection)) this.#setIdle(connection);
    };
  }

  /** Called when a connection has presented a token or key. From then on it counts against that account, if the account has room. */
  identified(client: Client, accountId: string): void {
    const connection = this.#find(client);
    if (connection === undefined || connection.isIdentified) return;
    const owner = `account ${accountId}`;
    if (!this.#shares.hasRoom(owner)) return;
    this.#shares.remove(connection.owner, connection);
    this.#shares.add(owner);
    Object.assign(connection, { owner, isIdentified: true });
  }

  /** Stops counting a connection, because another component counts it. It can no longer be dropped here. */
  release(client: Client): void {
    const connection = this.#find(client);
    if (connection !== undefined) this.#forget(connection);
  }

  /** Drops connections that stayed silent, or unauthenticated and without a stream, for too long. Called by the server's sweep timer. */
  sweep(): void {
    for (const connection of this.#all.values()) {
      const age = this.#now() - connection.openedAt;
      if (connection.isIdentified || connection.active > 0 || age < SILENT_MS) continue;
      if (!connection.isHeard) this.#drop(connection, "silent");
      else if (age >= UNAUTHENTICATED_MS) this.#drop(connection, "unauthenticated");
    }
  }

  #find(client: Client): Connection | undefined {
    // Under TLS, requests have another socket than the connection.
    return typeof client === "string" ? this.#byPeer.get(client) : (this.#all.get(client) ?? this.#byPeer.get(peerOf(client)));
  }

  #isOpen(connection: Connection): boolean {
    return this.#all.get(connection.socket) === connection;
  }

  #open(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "";
    const peer = peerOf(socket);
    // Node emits `connection` again for a socket whose protocol upgrade was declined.
    if (this.#all.has(socket)) return true;
    // A proxy's connections belong to many clients: each connection is an owner of its own.
    const owner = this.#options.isProxy?.(address) === true ? `proxied ${peer}` : addressKey(address);
    if (!this.#shares.hasRoom(owner) && !this.#replace(owner)) return false;
    const connection: Connection = { peer, socket, openedAt: this.#now(), owner, isHeard: false, isIdentified: false, active: 0 };
    this.#all.set(socket, connection);
    this.#byPeer.set(peer, connection);
    this.#shares.add(owner);
    this.#setIdle(connection);
    socket.on("close", this.#onClose);
    return true;
  }

  /** Drops an idle connection to make room for a new one of an owner. Returns whether there is room now. */
  #replace(owner: string): boolean {
    const replaced = this.#shares.toReplace(owner);
    if (replaced === undefined) this.#options.onDropped?.("share");
    else this.#drop(replaced, "share");
    return replaced !== undefined;
  }

  #setIdle(connection: Connection): void {
    this.#shares.setIdle(connection.owner, connection, connection.active === 0 && !connection.isIdentified);
  }

  #drop(connection: Connection, reason: DropReason): void {
    this.#forget(connection);
    this.#options.onDropped?.(reason);
    connection.socket.destroy();
  }

  #forget(connection: Connection | undefined): void {
    if (connection === undefined || !this.#isOpen(connection)) return;
    this.#all.delete(connection.socket);
    if (this.#byPeer.get(connection.peer) === connection) this.#byPeer.delete(connection.peer);
    this.#shares.remove(connection.owner, connection);
  }
}

/** The key of a connection on one port, in the format of gRPC's `getPeer`. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress}:${remotePort}`;
}

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
}

let knownMaxDescriptors: number | undefined;

/** The process's soft limit of open file descriptors; Infinity if it is unknown. Read once per process: a report takes up to 40 ms. */
function maxDescriptors(): number {
  knownMaxDescriptors ??= readMaxDescriptors();
  return knownMaxDescriptors;
}

function readMaxDescriptors(): number {
  const report = process.report as { getReport(): object; excludeNetwork?: boolean } | undefined;
  if (report === undefined) return Infinity;
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as Report;
  report.excludeNetwork = excludeNetwork ?? false;
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isFinite(soft) && soft > 0 ? soft : Infinity;
}

/**
 * Closes the connection of a request that was answered before its body had arrived, such as one that is too large. Node would read and discard
 * that body without an end. The client has some time to read the answer.
 */
function endUnreadBody(request: IncomingMessage): void {
  if (request.complete) return;
  setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, UNREAD_BODY_MS).unref();
}
