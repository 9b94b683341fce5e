import { BoundedMap } from "../bounded-map.ts";
import { canonicalDid, didWebUrl } from "@parley/did";
import { hostnameOf } from "../identity/similar-did.ts";
import { RateLimiter } from "@parley/core/internal";
import type { Resolution } from "../network/resolution.ts";
import { PASSED, rejected, type CheckResult, type Rejected } from "../routing/rejection.ts";

/** Options of {@link RemoteDidCheck}. */
export interface RemoteDidCheckOptions {
  readonly network: Pick<Resolution, "allow" | "hosts" | "httpForLoopback">;
  /** Hosts whose DIDs belong to this node, as written in URLs: `node.example`, `localhost:4000`. */
  readonly ownHosts: readonly string[];
  /**
   * Returns the hosted DID most similar to one that isn't hosted, as a suggestion.
   *
   * @param hostnames hosts, without ports, to which suggestions are limited.
   */
  readonly suggest?: (did: string, hostnames: ReadonlySet<string>) => string | undefined;
}

const SUGGESTIONS_PER_SECOND = 5;
/** Number of DIDs remembered. */
const MAX_PASSED = 10_000;
const LOOPBACK = /(?:^|\.)localhost$/;

/** Decides without network access whether a DID that isn't hosted here may be hosted on another node. */
export class RemoteDidCheck {
  readonly #network: RemoteDidCheckOptions["network"];
  readonly #hosts: ReadonlySet<string>;
  readonly #ownHosts: ReadonlySet<string>;
  readonly #suggest: NonNullable<RemoteDidCheckOptions["suggest"]>;
  /** Limits suggestions by sender: each one scans thousands of DIDs. */
  /** DIDs that passed, because parsing takes longer than all else that is done for a message before it is stored. The result depends on the DID only. */
  readonly #passed = new BoundedMap<string, true>(MAX_PASSED);
  readonly #suggestions = new RateLimiter({ perSecond: SUGGESTIONS_PER_SECOND });

  constructor({ network, ownHosts, suggest = () => undefined }: RemoteDidCheckOptions) {
    this.#suggest = suggest;
    this.#network = network;
    this.#hosts = new Set(Object.keys(network.hosts).map((host) => host.toLowerCase()));
    this.#ownHosts = new Set(ownHosts.map((host) => host.toLowerCase()));
  }

  /**
   * Checks whether a DID can be hosted on another node.
   *
   * @param sender an agent of this node. Suggestions are limited to DIDs on its own host or the node's.
   */
  check(did: string, sender: string): CheckResult {
    if (this.#passed.get(did) === true) return PASSED;
    const checked = this.#parse(did, sender);
    if (checked.ok) this.#passed.set(did, true);
    return checked;
  }

  #parse(did: string, sender: string): CheckResult {
    const canonical = canonicalDid(did);
    if (canonical === undefined) return unknown(`${did.slice(0, 100)} is not a DID`);
    if (canonical !== did) return unknown(`${did} must be written ${canonical}`);
    if (did.startsWith("did:key:")) return unknown(`${did} (a did:key names no node, and it was never bound here)`);
    if (!did.startsWith("did:web:")) return unknown(`${did} (agents of other nodes are found by did:web only)`);
    const url = this.#urlOf(did);
    if (url === undefined) return unknown(`${did} (it has no URL by the rules of did:web)`);
    if (this.#ownHosts.has(url.host)) return unknown(`${did}: ${this.#neverConnected(did, sender)}`);
    const { allow } = this.#network;
    if (LOOPBACK.test(url.hostname) && !this.#hosts.has(url.host) && !allow.includes("loopback")) {
      const peer = `--peer ${url.host}=http://127.0.0.1:${url.port === "" ? "<port>" : url.port}, or resolution.hosts`;
      const why = `${did}: ${this.#neverConnected(did, sender)}`;
      return unknown(`${why} (Its host is this machine. If it is an agent of another node here, tell this one where that is: ${peer})`);
    }
    return PASSED;
  }

  #neverConnected(did: string, sender: string): string {
    const hostnames = new Set([...this.#ownHosts].map((host) => host.replace(/:\d+$/, "")));
    const own = hostnameOf(sender);
    if (own !== undefined) hostnames.add(own);
    const meant = this.#suggestions.tryTake(sender) ? this.#suggest(did, hostnames) : undefined;
    return `no agent with this DID has connected to this node.${meant === undefined ? " Is it started?" : ` Did you mean ${meant}?`}`;
  }

  #urlOf(did: string): URL | undefined {
    try {
      return didWebUrl(did, this.#network);
    } catch {
      return undefined;
    }
  }
}

function unknown(why: string): Rejected {
  return rejected({ label: "unknown_recipient", reason: `unknown recipient: ${why}` });
}
