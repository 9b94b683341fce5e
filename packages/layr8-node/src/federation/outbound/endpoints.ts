import { classifyAddress } from "@parley/did/node";
import { isIP } from "node:net";
import type { OutboundOptions } from "./outbound.ts";

/** Where a URL leads. */
export interface Target {
  readonly url: URL;
  /** Origin to connect to. */
  readonly origin: string;
  /** Whether the operator vouches for the origin, so that it may have any address. */
  readonly trusted: boolean;
}

/** Which endpoints this node may ask, and where they are. The address is checked when it is connected to, not here. */
export class Endpoints {
  readonly #hosts: ReadonlyMap<string, string>;
  readonly #origins: ReadonlySet<string>;
  readonly #httpForLoopback: boolean;

  constructor({ hosts, httpForLoopback }: OutboundOptions["network"]) {
    const table = Object.entries(hosts).map(([host, origin]) => [host.toLowerCase(), new URL(origin).origin] as const);
    this.#hosts = new Map(table);
    this.#origins = new Set(this.#hosts.values());
    this.#httpForLoopback = httpForLoopback;
  }

  /** Where an endpoint leads: https, http only to loopback if that is allowed, or to what the operator has in the table of hosts. */
  target(uri: string): Target | undefined {
    if (!URL.canParse(uri)) return undefined;
    const url = new URL(uri);
    if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return undefined;
    const known = this.#hosts.get(url.host) ?? (this.#origins.has(url.origin) ? url.origin : undefined);
    if (known !== undefined) return { url, origin: known, trusted: true };
    if (url.protocol === "http:" && !(this.#httpForLoopback && isLoopback(url.hostname))) return undefined;
    return { url, origin: url.origin, trusted: false };
  }
}

function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return isIP(bare) === 0 ? /(?:^|\.)localhost\.?$/i.test(bare) : classifyAddress(bare) === "loopback";
}
