import { didWebUrl, isDid } from "@parley/did";
import type { Resolution } from "../credentials/resolution.ts";

/** What {@link Whereabouts} goes by. */
export interface WhereaboutsOptions {
  readonly network: Pick<Resolution, "allow" | "hosts" | "httpForLoopback">;
  /** Hosts whose DIDs are this node's, as they stand in URLs: `node.example`, `localhost:4000`. */
  readonly ownHosts: readonly string[];
}

const LOOPBACK = /(?:^|\.)localhost$/;

/** Knows of a DID that isn't hosted here whether it may be on another node, without asking anybody. */
export class Whereabouts {
  readonly #network: WhereaboutsOptions["network"];
  readonly #hosts: ReadonlySet<string>;
  readonly #ownHosts: ReadonlySet<string>;

  constructor({ network, ownHosts }: WhereaboutsOptions) {
    this.#network = network;
    this.#hosts = new Set(Object.keys(network.hosts).map((host) => host.toLowerCase()));
    this.#ownHosts = new Set(ownHosts.map((host) => host.toLowerCase()));
  }

  /** Why a DID can't be on another node; `undefined` if it may be. The text goes on where "unknown recipient" ends. */
  refusal(did: string): string | undefined {
    if (!isDid(did)) return `${did.slice(0, 100)} is not a DID`;
    if (did.startsWith("did:key:")) return `${did} (a did:key names no node, and it was never bound here)`;
    if (!did.startsWith("did:web:")) return `${did} (agents of other nodes are found by did:web only)`;
    const url = this.#urlOf(did);
    if (url === undefined) return `${did} (it has no URL by the rules of did:web)`;
    if (this.#ownHosts.has(url.host)) return did;
    const { allow } = this.#network;
    if (LOOPBACK.test(url.hostname) && !this.#hosts.has(url.host) && !allow.includes("loopback")) {
      return (
        `${did} (its host is this machine, which is not asked unless its node is told where it is: ` +
        `--peer ${url.host}=http://127.0.0.1:${url.port === "" ? "<port>" : url.port}, or resolution.hosts)`
      );
    }
    return undefined;
  }

  #urlOf(did: string): URL | undefined {
    try {
      return didWebUrl(did, this.#network);
    } catch {
      return undefined;
    }
  }
}
