import { classifyAddress } from "@parley/did/node";
import { isIP } from "node:net";
import type { OutboundOptions } from "./outbound.ts";

/** An endpoint, and the origin to connect to for it. */
export interface Target {
  readonly url: URL;
  /** Origin to connect to. */
  readonly origin: string;
  /** Whether the operator has configured the origin: then it may have any address. */
  readonly trusted: boolean;
}

/** Decides which endpoints this node may contact. Addresses are checked on connection, not here. */
export class Endpoints {
  readonly #hosts: ReadonlyMap<string, string>;
  readonly #httpForLoopback: boolean;

  constructor({ hosts, httpForLoopback }: OutboundOptions["network"]) {
    this.#hosts = new Map(Object.entries(hosts).map(([host, origin]) => [host.toLowerCase(), new URL(origin).origin]));
    this.#httpForLoopback = httpForLoopback;
  }

  /**
   * Returns the target of an endpoint, or `undefined` if it may not be contacted. Allowed are https, http to loopback if that is enabled,
   * and origins in the operator's table of hosts. An endpoint under such an origin's own name is trusted only for DIDs of a host that the
   * table maps there, because a document of another host may name any URL.
   *
   * @param did whose document names the endpoint.
   */
  target(uri: string, did: string): Target | undefined {
    if (!URL.canParse(uri)) return undefined;
    const url = new URL(uri);
    if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return undefined;
    const own = this.#hosts.get(hostOfDid(did));
    const known = url.origin === own ? own : this.#hosts.get(url.host);
    if (known !== undefined) return { url, origin: known, trusted: true };
    if (url.protocol === "http:" && !(this.#httpForLoopback && isLoopback(url.hostname))) return undefined;
    return { url, origin: url.origin, trusted: false };
  }
}

/** The host of a did:web DID, as written in URLs. */
function hostOfDid(did: string): string {
  return (/^did:web:([^:]+)/.exec(did)?.[1] ?? "").replace("%3A", ":").toLowerCase();
}

function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return isIP(bare) === 0 ? /(?:^|\.)localhost\.?$/i.test(bare) : classifyAddress(bare) === "loopback";
}
