import type { Server, Socket } from "node:net";
import { addressKey, FairShare, type FairShareLease } from "@parley/core/internal";

/** What {@link Connections} is made with. */
export interface ConnectionsOptions {
  /** TCP connections in all. */
  readonly max: number;
  /** Whether an address is a trusted proxy's, which stands for many clients. */
  readonly isProxy?: (address: string) => boolean;
  /** A connection was dropped: to make room, because there was none, or because it was of no use for too long. */
  readonly onDropped?: (reason: "share" | "silent" | "unauthenticated") => void;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

interface Connection {
  readonly socket: Socket;
  readonly openedAt: number;
  owner: string;
  lease: FairShareLease;
  /** It has spoken the protocol. */
  isHeard: boolean;
  isIdentified: boolean;
  /** Requests or streams under way. */
  active: number;
}

/** The part of all connections that one address, or one account, may have. */
const PER_OWNER = 1 / 4;
/** How long a connection may say nothing, in milliseconds. */
const SILENT_MS = 10_000;
/** How long one may be open without a stream, and without having shown a token or key, in milliseconds. */
const UNAUTHENTICATED_MS = 30_000;
/** The part of the process's file descriptors that the connections of one port may take. */
const OF_DESCRIPTORS = 0.4;

/**
 * The TCP connections of one port, divided between addresses (IPv6: /64 networks) before a byte is read, and between accounts once they have
 * shown a token or key. Those that have shown none are dropped after a while, and make room for others: where an address has its share, a
 * new connection takes the place of that address's longest idle one; where all room is taken, that of the address with the most of them.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #now: () => number;
  readonly #share: FairShare;
  /** By peer: address and port. */
  readonly #all = new Map<string, Connection>();
  /** Those without a request or stream that have shown no token or key, by owner, the longest idle first. */
  readonly #idle = new Map<string, Set<Connection>>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const total = Math.max(1, Math.min(options.max, Math.floor(maxDescriptors() * OF_DESCRIPTORS)));
    this.#share = new FairShare({ total, perOwner: Math.max(1, Math.floor(total * PER_OWNER)) });
  }

  get size(): number {
    return this.#all.size;
  }

  /** Counts the connections of a server. What is dropped never reaches its protocol. */
  attach(server: Server): void {
    const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (this.#open(socket)) for (const listener of listeners) listener.call(server, socket);
      else socket.destroy();
    });
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
    connection.active++;
    this.#setIdle(connection);
    return () => {
      connection.active--;
      this.#setIdle(connection);
    };
  }

  /** A connection has shown a token or key of an account, and counts to that from now on, as far as it has room. */
  identified(peer: string, accountId: string): void {
    const connection = this.#all.get(peer);
    if (connection === undefined || connection.isIdentified) return;
    const owner = `account ${accountId}`;
    const lease = this.#share.tryAcquire(owner);
    if (lease === undefined) return;
    connection.lease.release();
    this.#idle.get(connection.owner)?.delete(connection);
    Object.assign(connection, { owner, lease, isIdentified: true });
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
    // A proxy's connections are those of all its clients: each may have as many as there are.
    const owner = this.#options.isProxy?.(address) === true ? `proxied ${peer}` : addressKey(address);
    const lease = this.#share.tryAcquire(owner) ?? this.#replace(owner);
    if (lease === undefined) {
      this.#options.onDropped?.("share");
      return false;
    }
    const connection: Connection = { socket, openedAt: this.#now(), owner, lease, isHeard: false, isIdentified: false, active: 0 };
    this.#all.set(peer, connection);
    this.#setIdle(connection);
    socket.once("close", () => {
      this.#forget(connection);
      if (this.#all.get(peer) === connection) this.#all.delete(peer);
    });
    return true;
  }

  /** Makes room at the cost of the owner that has most of it. */
  #replace(owner: string): FairShareLease | undefined {
    const [longestIdle] = this.#idle.get(this.#share.heldBy(owner) > 0 ? owner : this.#largestOwner()) ?? [];
    if (longestIdle === undefined) return undefined;
    this.#drop(longestIdle, "share");
    return this.#share.tryAcquire(owner);
  }

  #largestOwner(): string {
    let [largest, most] = ["", 0];
    for (const owner of this.#idle.keys()) {
      const held = this.#share.heldBy(owner);
      if (held > most) [largest, most] = [owner, held];
    }
    return largest;
  }

  #setIdle(connection: Connection): void {
    const idle = this.#idle.get(connection.owner) ?? new Set();
    idle.delete(connection);
    if (connection.active === 0 && !connection.isIdentified) idle.add(connection);
    if (idle.size > 0) this.#idle.set(connection.owner, idle);
    else this.#idle.delete(connection.owner);
  }

  #drop(connection: Connection, reason: "share" | "silent" | "unauthenticated"): void {
    this.#forget(connection);
    this.#options.onDropped?.(reason);
    connection.socket.destroy();
  }

  #forget(connection: Connection): void {
    connection.lease.release();
    const idle = this.#idle.get(connection.owner);
    idle?.delete(connection);
    if (idle?.size === 0) this.#idle.delete(connection.owner);
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
