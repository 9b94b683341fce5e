import type { Connection, ConnectOptions, Transport } from "@parley/core";
import { lazily } from "@parley/core/lazily";
import type { TlsOptions } from "@parley/core/net";
import { Endpoint } from "./endpoint.ts";
import { topicOf } from "./join.ts";
import type { PhoenixLink } from "./phoenix-link.ts";
import { resolveSettings, type PhoenixTransportOptions, type Settings } from "./options.ts";

/** WebSockets are loaded by the first connection. */
const loadConnection = lazily(async () => ({ ...(await import("./phoenix-link.ts")), ...(await import("./phoenix-connection.ts")) }));
type ConnectionModules = Awaited<ReturnType<typeof loadConnection>>;

/**
 * Connects agents to a Layr8 node over Phoenix Channels V2.
 *
 * All DIDs of one transport share a socket, which opens with the first connection and closes with the last. Two connections that
 * would have the same topic there (the same DID twice, or two for which the node assigns one) get a socket each. A lost link
 * is reconnected automatically, with the same DIDs; only a first connect fails immediately.
 *
 * @throws TypeError for an invalid option.
 *
 * @example
 * ```ts
 * import { Client, logErrors, PhoenixTransport } from "layr8";
 *
 * const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = process.env;
 * const transport = new PhoenixTransport({ nodeUrl, apiKey, timeouts: { pushMs: 5_000 } });
 * const client = new Client({ transport, agentDid: "did:web:localhost:alice" }, logErrors());
 * await client.connect();
 * ```
 */
export class PhoenixTransport implements Transport {
  readonly #endpoint: Endpoint;
  readonly #settings: Settings;
  readonly #tls: TlsOptions;
  readonly #links = new Set<PhoenixLink>();

  constructor(options: PhoenixTransportOptions) {
    this.#settings = resolveSettings(options);
    this.#endpoint = new Endpoint(options.nodeUrl, options.apiKey, options.credentials ?? "header", options.headers);
    this.#tls = options.tls ?? {};
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const { did, protocols, signal } = options;
    if (did === "") throw new TypeError("did must not be empty; leave it out to have one assigned");
    if (!Array.isArray(protocols)) throw new TypeError("protocols must be an array");
    signal?.throwIfAborted();
    const modules = await loadConnection();
    const connection = new modules.PhoenixConnection(this.#linkFor(topicOf(did), modules), options, this.#settings);
    await connection.opened(signal);
    return connection;
  }

  /** A socket can join a topic only once: a server treats a second join as a replacement of the first. */
  #linkFor(topic: string, { PhoenixLink }: ConnectionModules): PhoenixLink {
    for (const link of this.#links) {
      if (link.isUsable && !link.has(topic)) return link;
    }
    const link = new PhoenixLink({
      endpoint: this.#endpoint,
      settings: this.#settings,
      tls: this.#tls,
      onEnd: (ended) => this.#links.delete(ended),
    });
    this.#links.add(link);
    return link;
  }
}
