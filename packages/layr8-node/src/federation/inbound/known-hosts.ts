import { readHost } from "../../network/resolution.ts";

/** The sender's host is not among those from which this node accepts messages. */
export class UnknownHost extends Error {
  constructor() {
    super("This node accepts messages only from the hosts that its operator has listed");
  }
}

/** The allow-list of other nodes' hosts, if the operator has configured one. */
export class KnownHosts {
  readonly #hosts: ReadonlySet<string> | undefined;

  /**
   * @param known hosts as in `NodeOptions.knownHosts`; `undefined` accepts every sender.
   * @param peers hosts of `resolution.hosts`, which are known too.
   */
  constructor(known: readonly string[] | undefined, peers: readonly string[]) {
    this.#hosts = known === undefined ? undefined : new Set([...known.map((host) => readHost(host) ?? host), ...peers]);
  }

  /** The allowed hosts; `undefined` if every sender is accepted. */
  get list(): readonly string[] | undefined {
    return this.#hosts === undefined ? undefined : [...this.#hosts];
  }

  /** @throws UnknownHost for a DID of another host, and for one without a host. */
  check(did: string): void {
    if (this.#hosts === undefined) return;
    const [, name = ""] = /^did:web:([^:]+)/.exec(did) ?? [];
    if (!this.#hosts.has(readHost(name) ?? "")) throw new UnknownHost();
  }
}
