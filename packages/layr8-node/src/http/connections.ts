import type { Server } from "node:http";
import type { Socket } from "node:net";
import { addressKey, FairShare, type FairShareLease } from "@parley/core/internal";

/** What {@link AnonymousConnections} is made with. */
export interface AnonymousConnectionsOptions {
  /** Connections of all addresses. */
  readonly max: number;
  /** Whether an address is a trusted proxy's, which stands for many clients and limits them itself. */
  readonly isProxy: (address: string) => boolean;
  /** A connection was dropped to make room, or because there was none. */
  onDropped(): void;
}

/** The part of the connections of all addresses that one address may have. */
const PER_ADDRESS = 1 / 4;

interface Tracked {
  readonly owner: string;
  lease: FairShareLease;
}

/**
 * Keeps connections that have shown no API key from taking the place of others, before a byte of them is read. Each address has a share.
 * A new connection always finds room as long as there are idle ones (without a request under way): where its address has its share, it
 * takes the place of that address's longest idle one; where all room is taken, that of the address with the most connections.
 */
export class AnonymousConnections {
  readonly #options: AnonymousConnectionsOptions;
  readonly #share: FairShare;
  readonly #tracked = new Map<Socket, Tracked>();
  /** Connections without a request under way by owner, the longest idle first. */
  readonly #idle = new Map<string, Set<Socket>>();

  constructor(options: AnonymousConnectionsOptions) {
    this.#options = options;
    this.#share = new FairShare({ total: options.max, perOwner: Math.max(1, Math.floor(options.max * PER_ADDRESS)) });
  }

  get size(): number {
    return this.#tracked.size;
  }

  /** Counts the connections of a server, and which of them have a request under way. */
  attach(server: Server): void {
    server.prependListener("connection", (socket: Socket) => this.#open(socket));
    server.prependListener("request", ({ socket }, response) => {
      this.#setIdle(socket, false);
      response.once("close", () => this.#setIdle(socket, true));
    });
  }

  /** A connection has shown an API key, and counts for that from now on. */
  identified(socket: unknown): void {
    this.#forget(socket as Socket);
  }

  #open(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    if (this.#tracked.has(socket) || this.#options.isProxy(address)) return;
    const owner = addressKey(address);
    const lease = this.#share.tryAcquire(owner) ?? this.#replace(owner);
    if (lease === undefined) {
      this.#options.onDropped();
      socket.destroy();
      return;
    }
    this.#tracked.set(socket, { owner, lease });
    this.#setIdle(socket, true);
    socket.once("close", () => this.#forget(socket));
  }

  /** Makes room at the cost of whoever has most of it. */
  #replace(owner: string): FairShareLease | undefined {
    const [longestIdle] = this.#idle.get(this.#share.heldBy(owner) > 0 ? owner : this.#largestOwner()) ?? [];
    if (longestIdle === undefined) return undefined;
    this.#forget(longestIdle);
    this.#options.onDropped();
    longestIdle.destroy();
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

  #setIdle(socket: Socket, isIdle: boolean): void {
    const owner = this.#tracked.get(socket)?.owner;
    if (owner === undefined) return;
    const idle = this.#idle.get(owner) ?? new Set();
    idle.delete(socket);
    if (isIdle) idle.add(socket);
    if (idle.size > 0) this.#idle.set(owner, idle);
    else this.#idle.delete(owner);
  }

  #forget(socket: Socket): void {
    this.#setIdle(socket, false);
    this.#tracked.get(socket)?.lease.release();
    this.#tracked.delete(socket);
  }
}
