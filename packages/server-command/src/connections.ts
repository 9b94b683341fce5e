import type { Server as HttpServer } from "node:http";
import type { Server, Socket } from "node:net";
import { addressKey } from "@parley/core/internal";
import { OwnerShares } from "./owner-shares.ts";

/** Why a connection was dropped: to make room or because there was none, or because nothing came on it for too long. */
export type DropReason = "share" | "silent" | "unauthenticated";

/** Options of {@link Connections}. */
export interface ConnectionsOptions {
  /** TCP connections in all; at most four tenths of the process's file descriptors. */
  readonly max: number;
  /** Whether an address is a trusted proxy's, which stands for many clients. */
  readonly isProxy?: (address: string) => boolean;
  /** A connection was dropped. */
  readonly onDropped?: (reason: DropReason) => void;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

interface Connection {
  readonly peer: string;
  readonly socket: Socket;
  readonly openedAt: number;
  owner: string;
  /** It has spoken the protocol. */
  isHeard: boolean;
  isIdentified: boolean;
  /** Requests or streams under way. */
  active: number;
}

/** The part of all connections that one address, or one account, may have, and the part kept for owners that have none. */
const PER_OWNER = 1 / 4;
const RESERVED = 1 / 8;
/** How long a connection may say nothing, in milliseconds. */
const SILENT_MS = 10_000;
/** How long one may be open without a stream, and without having shown a token or key, in milliseconds. */
const UNAUTHENTICATED_MS = 30_000;
/** The part of the process's file descriptors that the connections of one port may take. */
const OF_DESCRIPTORS = 0.4;

/**
 * The TCP connections of one port, divided between addresses (IPv6: /64 networks) before a byte is read, and between accounts once they have
 * shown a token or key. A connection is idle while it has neither a request or stream nor an account. A new connection takes the place of an
 * idle one where there is no room: see {@link OwnerShares.toReplace}.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #now: () => number;
  readonly #shares: OwnerShares<Connection>;
  /** By peer: address and port. */
  readonly #all = new Map<string, Connection>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
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

  /** Counts the connections of a server. A dropped connection never reaches its protocol. */
  attach(server: Server): void {
    const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (this.#open(socket)) for (const listener of listeners) listener.call(server, socket);
      else socket.destroy();
    });
  }

  /** Counts the connections of an HTTP/1.1 server, and follows its requests. */
  attachHttp(server: HttpServer): void {
    this.attach(server);
    server.prependListener("request", ({ socket }, response) => response.once("close", this.began(peerOf(socket))));
  }

  /** A connection has spoken the protocol. */
  heard(peer: string): void {
    const connection = this.#all.get(peer);
    if (connection !== undefined) connection.isHeard = true;
  }

  /** A request or stream has begun. Returns how to end it. */
  began(peer: string): () => void {
    const connection = this.#all.get(peer);
    if (connection === undefined) return () => undefined;
    connection.isHeard = true;
    connection.active += 1;
    this.#setIdle(connection);
    return () => {
      connection.active -= 1;
      if (this.#all.get(peer) === connection) this.#setIdle(connection);
    };
  }

  /** A connection has shown a token or key of an account, and counts to that from now on, as far as it has room. */
  identified(peer: string, accountId: string): void {
    const connection = this.#all.get(peer);
    if (connection === undefined || connection.isIdentified) return;
    const owner = `account ${accountId}`;
    if (!this.#shares.hasRoom(owner)) return;
    this.#shares.remove(connection.owner, connection);
    this.#shares.add(owner);
    Object.assign(connection, { owner, isIdentified: true });
  }

  /** A connection is counted elsewhere from now on, and can't be dropped here any more. */
  release(peer: string): void {
    const connection = this.#all.get(peer);
    if (connection !== undefined) this.#forget(connection);
  }

  /** Drops connections that were silent, or unauthenticated and without a stream, for too long. Called every few seconds. */
  sweep(): void {
    for (const connection of this.#all.values()) {
      const age = this.#now() - connection.openedAt;
      if (connection.isIdentified || connection.active > 0 || age < SILENT_MS) continue;
      if (!connection.isHeard) this.#drop(connection, "silent");
      else if (age >= UNAUTHENTICATED_MS) this.#drop(connection, "unauthenticated");
    }
  }

  #open(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "";
    const peer = peerOf(socket);
    // A server may begin again with a connection, when it has not changed to the protocol that a request offered.
    const former = this.#all.get(peer);
    if (former?.socket === socket) return true;
    if (former !== undefined) this.#forget(former);
    // A proxy's connections are those of all its clients: each may have as many as there are.
    const owner = this.#options.isProxy?.(address) === true ? `proxied ${peer}` : addressKey(address);
    if (!this.#shares.hasRoom(owner) && !this.#replace(owner)) return false;
    const connection: Connection = { peer, socket, openedAt: this.#now(), owner, isHeard: false, isIdentified: false, active: 0 };
    this.#all.set(peer, connection);
    this.#shares.add(owner);
    this.#setIdle(connection);
    socket.once("close", () => this.#forget(connection));
    return true;
  }

  /** Makes room for a new connection of an owner. Returns whether there is some now. */
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

  #forget(connection: Connection): void {
    if (this.#all.get(connection.peer) !== connection) return;
    this.#all.delete(connection.peer);
    this.#shares.remove(connection.owner, connection);
  }
}

/** Names a connection of one port: the same text as gRPC's `getPeer`. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress}:${remotePort}`;
}

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
}

/** File descriptors that this process may have open; Infinity where that isn't known. */
function maxDescriptors(): number {
  const report = process.report as { getReport(): object; excludeNetwork?: boolean } | undefined;
  if (report === undefined) return Infinity;
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as Report;
  report.excludeNetwork = excludeNetwork ?? false;
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isFinite(soft) && soft > 0 ? soft : Infinity;
}
