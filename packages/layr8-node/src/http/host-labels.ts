/** Hosts of other nodes that have a label of their own. */
const MAX_HOSTS = 32;
/** The label of all others. */
const OTHER_HOST = "other";

/** Chooses the label of a host: the first ones keep theirs until the node stops, the others share one. */
export class HostLabels {
  readonly #hosts = new Set<string>();
  readonly #names: boolean;

  /** @param names `false` gives no host a label: where anyone can read the metrics, they do not show which nodes this one talks to. */
  constructor(names: boolean) {
    this.#names = names;
  }

  /** @param did of the recipient. */
  labelOf(did: string): string {
    const host = this.#names ? /^did:web:(?<host>[^:]+)/.exec(did)?.groups?.["host"]?.toLowerCase() : undefined;
    if (host === undefined) return OTHER_HOST;
    if (!this.#hosts.has(host)) {
      if (this.#hosts.size >= MAX_HOSTS) return OTHER_HOST;
      this.#hosts.add(host);
    }
    return host.replace("%3a", ":");
  }
}
