import { RECEIPTS } from "@parley/core/internal";
import { type BindingRank, isLater } from "./binding-rank.ts";

/** Protocols that every agent has and that have no owner: problem reports and receipts go to the latest connection. */
const SHARED: ReadonlySet<string> = new Set(["https://didcomm.org/report-problem/2.0", RECEIPTS]);

/** Binds all protocols without an owner. */
const WILDCARD = "*";

/** The protocols of a connection that can have an owner, each once. */
export function ownedProtocols(protocols: Iterable<string>): Set<string> {
  return new Set([...protocols].filter((protocol) => !SHARED.has(protocol)));
}

/** Whether connections with these protocols handle one: by its name, by the wildcard, or as every agent does. */
export function handlesProtocol(protocols: readonly string[], protocol: string | undefined): boolean {
  return protocols.includes(WILDCARD) || (protocol !== undefined && (SHARED.has(protocol) || protocols.includes(protocol)));
}

/** A connection's protocols that can have an owner, and its rank; `undefined` for a connection that was bound here. */
interface Bound {
  readonly protocols: ReadonlySet<string>;
  readonly rank: BindingRank | undefined;
}

/**
 * Assigns protocols to the connections of one DID. Each protocol has one owner: the connection that bound it last.
 *
 * @typeParam C a connection, compared by identity.
 */
export class Bindings<C extends object> {
  /** In join order. */
  readonly #connections = new Map<C, Bound>();
  readonly #owners = new Map<string, C>();

  get size(): number {
    return this.#connections.size;
  }

  /** Protocols that have an owner now. */
  get protocols(): Iterable<string> {
    return this.#owners.keys();
  }

  /** Protocols that a connection owns. */
  *protocolsOf(connection: C): Generator<string> {
    for (const [protocol, owner] of this.#owners) if (owner === connection) yield protocol;
  }

  has(connection: C): boolean {
    return this.#connections.has(connection);
  }

  /** How many protocols would have an owner if a connection bound these as well. */
  countWith(protocols: Iterable<string>): number {
    let count = this.#owners.size;
    for (const protocol of new Set(protocols)) if (!SHARED.has(protocol) && !this.#owners.has(protocol)) count += 1;
    return count;
  }

  /** Whether a new connection with these protocols would take one from a connection other than `except`. */
  wouldTakeOver(protocols: Iterable<string>, except: unknown): boolean {
    for (const protocol of protocols) {
      const owner = SHARED.has(protocol) ? undefined : this.#owners.get(protocol);
      if (owner !== undefined && owner !== except) return true;
    }
    return false;
  }

  /**
   * Binds a connection. Returns the connections that lost a protocol to it; `left` is whether they own any other.
   *
   * @param rank leaves their protocols to connections with a later one, to which the connection itself may lose all of its protocols.
   */
  bind(connection: C, protocols: Iterable<string>, rank?: BindingRank): { readonly connection: C; readonly left: boolean }[] {
    const own = ownedProtocols(protocols);
    const losers = new Set<C>();
    for (const protocol of own) {
      const owner = this.#owners.get(protocol) ?? connection;
      const keeps = owner !== connection && !isLater(rank, this.#connections.get(owner)?.rank);
      if (owner !== connection) losers.add(keeps ? connection : owner);
      if (!keeps) this.#owners.set(protocol, connection);
    }
    this.#connections.delete(connection);
    this.#connections.set(connection, { protocols: own, rank });
    if (rank !== undefined) this.#order(connection, rank);
    return [...losers].map((loser) => ({ connection: loser, left: this.#ownsAny(loser) }));
  }

  unbind(connection: C): void {
    for (const protocol of this.#connections.get(connection)?.protocols ?? []) {
      if (this.#owners.get(protocol) === connection) this.#owners.delete(protocol);
    }
    this.#connections.delete(connection);
  }

  /** Puts a connection before those with a later rank. */
  #order(connection: C, rank: BindingRank): void {
    for (const [other, bound] of Array.from(this.#connections)) {
      if (other === connection || isLater(rank, bound.rank)) continue;
      this.#connections.delete(other);
      this.#connections.set(other, bound);
    }
  }

  /** Whether a connection handles a protocol, by its name or by the wildcard. */
  owns(connection: C, protocol: string | undefined): boolean {
    if (protocol !== undefined && this.#owners.get(protocol) === connection) return true;
    return this.#owners.get(WILDCARD) === connection;
  }

  /** The connection that handles a protocol: its owner, else the owner of the wildcard, leaving out those in `except`. */
  find(protocol: string | undefined, except: ReadonlySet<C>): C | undefined {
    if (protocol !== undefined && SHARED.has(protocol)) return this.latest(except);
    for (const name of [protocol, WILDCARD]) {
      const owner = name === undefined ? undefined : this.#owners.get(name);
      if (owner !== undefined && !except.has(owner)) return owner;
    }
    return undefined;
  }

  /** The latest connection. */
  latest(except: ReadonlySet<C>): C | undefined {
    return [...this.#connections.keys()].findLast((connection) => !except.has(connection));
  }

  #ownsAny(connection: C): boolean {
    for (const protocol of this.#connections.get(connection)?.protocols ?? []) {
      if (this.#owners.get(protocol) === connection) return true;
    }
    return false;
  }
}
