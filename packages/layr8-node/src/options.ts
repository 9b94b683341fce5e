import { checkOptions, IS_ANYTHING, IS_BOOLEAN, IS_LOGGER, IS_PORT, IS_TEXT, readNumbers, type OptionCheck } from "@parley/core/internal";
import { IS_TRUST_PROXY, type TrustProxy } from "@parley/server-command";
import type { Logger } from "pino";
import { readHost, type ResolutionOptions } from "./credentials/resolution.ts";
import type { Policy } from "./routing/policy.ts";

/** Which DIDs an API key may bind: `"any"`, or a list of DIDs and of prefixes with a trailing `*`. */
export type DidRule = "any" | readonly string[];

/** An API key given by configuration. */
export interface ConfiguredKey {
  /** The key itself: at least 16 characters that nobody can guess. Only its hash is kept. */
  readonly key: string;
  readonly dids: DidRule;
  readonly name?: string;
  /** Whether the node assigns it ephemeral DIDs. Default `true`. */
  readonly ephemeral?: boolean;
}

/** Caps and times of a node. Every one has a default that suits one machine. */
export interface NodeLimits {
  /** Characters of one message's JSON. Larger ones are refused. Default 1 Mi. */
  readonly maxMessageLength: number;
  /** Bytes of one WebSocket frame. Larger ones close the socket (1009); messages that would be delivered in a larger one are refused. Default 4 MiB. */
  readonly maxFrameBytes: number;
  /**
   * Bytes of all WebSocket messages that have arrived in part, counted as they arrive; one API key may have a quarter, and an eighth is kept for
   * keys that have none. A socket without room is not read; after 5 s it is closed (1013), as is one whose message takes longer than
   * `idleTimeoutMs`. Default 128 Mi.
   */
  readonly maxPartialFrameBytes: number;
  /** Messages in one agent's inbox. Default 10,000. */
  readonly maxInboxMessages: number;
  /** Characters of plaintext in one agent's inbox. Default 64 Mi. */
  readonly maxInboxLength: number;
  /**
   * Messages that wait in the inboxes of all DIDs of one API key together, and as many that its agents have sent to other nodes and that wait there.
   * Beyond it, messages are refused (`inbox full: …`, `outbox full: …`). Of an inbox' part, one sender may have three quarters once it is an
   * eighth full. Default 200,000.
   */
  readonly maxWaitingMessagesPerKey: number;
  /** Characters of plaintext of the same. Default 1 Gi. */
  readonly maxWaitingLengthPerKey: number;
  /**
   * TCP connections in all. A quarter is for connections that have shown no API key: of that, one address (an IPv6 /64 network) may have a
   * quarter; where there is no room, a new connection takes the place of the one that has been idle longest, of the same address or of the one
   * with the most. The other three quarters are for agents' sockets (503 beyond, with an eighth kept for keys that have none). Default 10,000.
   */
  readonly maxConnections: number;
  /** Sockets of one API key; further ones are refused with 429. Default 1,000. */
  readonly maxConnectionsPerKey: number;
  /** DIDs that one API key may have created; further ones are refused (`too many DIDs`). Default 1,000. */
  readonly maxDidsPerKey: number;
  /** Topics on one socket. Default 100, as in Phoenix. */
  readonly maxChannelsPerSocket: number;
  /**
   * Messages that one API key may send in a second, over all of its connections; up to one second's worth is saved up, and reconnecting
   * regains none. Counted in units of work: one for each 16 Ki characters that a message begins, for each of its recipients; 50 more for a
   * discover-features query. Beyond it, messages are refused (`e.p.me.res.rate`). Default 100,000.
   */
  readonly messagesPerSecond: number;
  /**
   * Frames of any kind that one API key may send in a second, over all of its connections: one unit for each 16 KiB that a frame begins, 50
   * more for a join. Beyond it, its connections are read more slowly. Default 200,000.
   */
  readonly framesPerSecond: number;
  /** Messages in flight to one connection. Default 1,024. */
  readonly maxInFlight: number;
  /** Silence after which a socket is closed, in milliseconds. Default 60,000. */
  readonly idleTimeoutMs: number;
  /** Wait for an acknowledgement before a redelivery; doubles with each attempt, up to 5 minutes. Milliseconds. Default 30,000. */
  readonly ackTimeoutMs: number;
  /** Life of a message that states no `expires_time`, in milliseconds. Default 7 days. */
  readonly messageTtlMs: number;
  /** How long an ephemeral DID without a connection is kept, in milliseconds. Default 5 minutes. */
  readonly ephemeralGraceMs: number;
  /** REST requests that one API key may make in a second. Default 500. */
  readonly requestsPerSecond: number;
  /** Credentials that one holder may store. Default 10,000. */
  readonly maxCredentialsPerHolder: number;
  /** Bytes of one stored credential. Default 256 Ki. */
  readonly maxCredentialBytes: number;
  /** Credentials and presentations that are verified at the same time. Default 64. */
  readonly maxVerifications: number;
  /** Longest time for one verification, what other hosts are asked for included, in milliseconds. Default 15,000. */
  readonly verificationTimeoutMs: number;
  /** How long a presentation's nonce is remembered, and how old a presentation with one may be, in milliseconds. Default 10 minutes. */
  readonly nonceWindowMs: number;
  /** Nonces that are remembered; above it, presentations with one are refused until the oldest is forgotten. Default 100,000. */
  readonly maxNonces: number;
  /** Bytes of one encrypted message from another node. Default 4 Mi. */
  readonly maxEnvelopeBytes: number;
  /**
   * Bytes of all messages from other nodes that are being read and opened, counted as they arrive; one address may have an eighth, and another
   * eighth is kept for addresses that have none. Beyond it, `busy` (503). Bodies of REST calls have as much, shared by API keys. Default 128 Mi.
   */
  readonly maxInboundBytes: number;
  /** Messages that one sender on another node may send in a second. Default 2,000. */
  readonly remoteMessagesPerSecond: number;
  /** Messages that one address may post in a second in the name of senders that this node has not met, or of nobody. Default 100. */
  readonly strangersPerSecond: number;
  /** Documents of such senders that are looked for at the same time; one address may have an eighth. Default 64. */
  readonly maxStrangers: number;
  /** Messages of one agent that wait for other nodes. Default 10,000. */
  readonly maxOutboundMessages: number;
  /** Characters of plaintext of one agent that wait for other nodes. Default 64 Mi. */
  readonly maxOutboundLength: number;
  /** Connections to one other node. Default 8. */
  readonly maxConnectionsPerNode: number;
}

/** Options of {@link startNode}. */
export interface NodeOptions {
  /** Port to listen on; `0` takes a free one. Default 4000. */
  readonly port?: number;
  /** Address to bind. Default `127.0.0.1`: reachable from this machine only. */
  readonly host?: string;
  /** Directory for inboxes, DIDs and keys. Without one everything is kept in memory and lost when the node stops. */
  readonly dataDir?: string;
  /**
   * Domain of the DIDs that the node assigns, as it stands in a did:web DID. Default `localhost%3A<port>`.
   */
  readonly domain?: string;
  /**
   * Origin under which other machines reach this node, for DID documents. Default: that of `domain`, where it is given, over https (over http
   * where it is `localhost` or below it); else `http://<host>:<port>`.
   */
  readonly publicUrl?: string;
  /**
   * The proxies in front of the node, which append their client's address to `X-Forwarded-For`: how many there are one behind the other, or a
   * list of their addresses and networks, such as `["10.0.0.0/8"]`. `true` is one proxy. Limits for strangers go by the address that the
   * outermost of them has seen, never by what a client has written itself. Nobody may reach the node without passing them. Default: none.
   */
  readonly trustProxy?: TrustProxy;
  /** Port for `/health` and `/metrics`, which `port` then doesn't have; `0` takes a free one. Default: `port` has them, for anybody to read. */
  readonly metricsPort?: number;
  /**
   * 32 random bytes that encrypt the private keys of DIDs at rest. Default: the file `node.key` in the data directory, made by the first
   * start. Give it from a secret store to keep it apart from the data.
   */
  readonly nodeKey?: Uint8Array;
  /**
   * API keys besides those in the data directory. With neither, the node makes one that may bind any DID and offers it as
   * `node.apiKey`: right for one machine, too much for a shared node.
   */
  readonly apiKeys?: readonly ConfiguredKey[];
  /** Who may send to whom. Default: everybody. */
  readonly policies?: readonly Policy[];
  /**
   * How other hosts are reached: for the documents of DIDs that this node doesn't host, for status lists, and for messages to other nodes.
   * Default: public ones only.
   */
  readonly resolution?: ResolutionOptions;
  /**
   * The hosts of other nodes whose agents may send to agents here, such as `["partner.example", "localhost:4001"]`; those of `resolution.hosts` are
   * known, too. Messages of other senders, and of those without a host (did:key), are refused (403, `e.m.authz.denied`) before anything is looked
   * up for them. Default: everybody may send, and unknown senders are limited by address (`limits.strangersPerSecond`).
   */
  readonly knownHosts?: readonly string[];
  /**
   * The clock is right, however far it is ahead of the time at which the node last ran. Otherwise the node goes by the old time for an
   * hour before anything expires by the new one. Default `false`.
   */
  readonly acceptClock?: boolean;
  readonly limits?: Partial<NodeLimits>;
  /** Where to log: a pino logger, or `false` for nowhere. Default: warnings to standard error. */
  readonly logger?: Logger | false;
}

const IS_DOMAIN: OptionCheck = {
  expected: "a domain as in a did:web DID, such as acme.example or localhost%3A4000 (its port after %3A)",
  is: (value) => typeof value === "string" && /^[^:/\s]+(?::[^:/\s]+)*$/.test(value) && !/^[^:]+:\d+$/.test(value),
  isPublic: true,
};
const IS_ORIGIN: OptionCheck = {
  expected: "an http or https URL, such as https://acme.example",
  is: (value) => typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
  isPublic: true,
};
const IS_NODE_KEY: OptionCheck = {
  expected: "a Uint8Array of 32 bytes",
  is: (value) => value instanceof Uint8Array && value.length === 32,
};
const IS_HOSTS: OptionCheck = {
  expected: 'a list of hosts, such as ["partner.example", "localhost:4001"]',
  is: (value) => Array.isArray(value) && value.every((host) => typeof host === "string" && readHost(host) !== undefined),
};
const IS_LIST: OptionCheck = { expected: "a list", is: Array.isArray };

const OPTIONS: Readonly<Record<keyof NodeOptions, OptionCheck>> = {
  port: IS_PORT,
  host: IS_TEXT,
  dataDir: IS_TEXT,
  domain: IS_DOMAIN,
  publicUrl: IS_ORIGIN,
  acceptClock: IS_BOOLEAN,
  trustProxy: IS_TRUST_PROXY,
  metricsPort: IS_PORT,
  nodeKey: IS_NODE_KEY,
  apiKeys: IS_LIST,
  policies: IS_LIST,
  knownHosts: IS_HOSTS,
  // These are checked where they are read.
  resolution: IS_ANYTHING,
  limits: IS_ANYTHING,
  logger: IS_LOGGER,
};
const CONFIGURED_KEY: Readonly<Record<keyof ConfiguredKey, OptionCheck>> = {
  key: IS_TEXT,
  dids: IS_ANYTHING,
  name: IS_TEXT,
  ephemeral: IS_BOOLEAN,
};

/** @throws TypeError naming the entry */
function checkConfiguredKey({ key, dids }: Partial<ConfiguredKey>, where: string): void {
  if (key === undefined) throw new TypeError(`${where} has no key: the API key itself, such as 32 random bytes in base64`);
  if (dids === undefined) throw new TypeError(`${where} has no dids: "any", or a list such as ["did:web:acme.example:*"]`);
}

/** Rejects unknown options and values of the wrong kind, before anything is read or written. @throws TypeError naming the option. */
export function checkNodeOptions(options: NodeOptions): void {
  checkOptions<NodeOptions>(options, OPTIONS);
  options.apiKeys?.forEach((key, index) => {
    checkOptions<ConfiguredKey>(key, CONFIGURED_KEY, `apiKeys[${index}].`);
    checkConfiguredKey(key, `apiKeys[${index}]`);
  });
}

const MINUTE = 60_000;

/** Fills in the defaults, and checks what was given. @throws TypeError naming the option. */
export function readLimits(limits: Partial<NodeLimits> = {}): NodeLimits {
  const defaults: NodeLimits = {
    maxMessageLength: 1024 * 1024,
    maxFrameBytes: 4 * 1024 * 1024,
    maxPartialFrameBytes: 128 * 1024 * 1024,
    maxInboxMessages: 10_000,
    maxInboxLength: 64 * 1024 * 1024,
    maxWaitingMessagesPerKey: 200_000,
    maxWaitingLengthPerKey: 1024 * 1024 * 1024,
    maxConnections: 10_000,
    maxConnectionsPerKey: 1000,
    maxDidsPerKey: 1000,
    maxChannelsPerSocket: 100,
    messagesPerSecond: 100_000,
    framesPerSecond: 200_000,
    maxInFlight: 1024,
    idleTimeoutMs: MINUTE,
    ackTimeoutMs: MINUTE / 2,
    messageTtlMs: 7 * 24 * 60 * MINUTE,
    ephemeralGraceMs: 5 * MINUTE,
    requestsPerSecond: 500,
    maxCredentialsPerHolder: 10_000,
    maxCredentialBytes: 256 * 1024,
    maxVerifications: 64,
    verificationTimeoutMs: MINUTE / 4,
    nonceWindowMs: 10 * MINUTE,
    maxNonces: 100_000,
    maxEnvelopeBytes: 4 * 1024 * 1024,
    maxInboundBytes: 128 * 1024 * 1024,
    remoteMessagesPerSecond: 2000,
    strangersPerSecond: 100,
    maxStrangers: 64,
    maxOutboundMessages: 10_000,
    maxOutboundLength: 64 * 1024 * 1024,
    maxConnectionsPerNode: 8,
  };
  return readNumbers("limits", defaults, limits);
}
