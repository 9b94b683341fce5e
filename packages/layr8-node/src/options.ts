import type { Telemetry } from "@parley/core";
import { canonicalDid, isDid } from "@parley/did";
import type { OptionCheck } from "@parley/core/internal";
import {
  type AdminHub,
  adminOptions,
  amount,
  count,
  listOf,
  logger,
  NATS_OPTIONS,
  type NatsOptions,
  option,
  options,
  type OptionSchema,
  port,
  readOptions,
  secretKey,
  telemetry,
  text,
  trueOrFalse,
  trustedProxies,
  type TrustProxy,
} from "@parley/server-kit";
import type { Logger } from "pino";
import type { DidRule } from "./identity/did-pattern.ts";
import { readHost, RESOLUTION, type ResolutionOptions } from "./network/resolution.ts";
import { POLICIES, type Policy } from "./routing/authorize/policy-options.ts";

/** An API key given by configuration. */
export interface ConfiguredKey {
  /** The key itself: at least 16 characters, unguessable. The node stores only its hash. */
  readonly key: string;
  readonly dids: DidRule;
  readonly name?: string;
  /** Whether the node assigns ephemeral DIDs to its agents. Default `true`. */
  readonly ephemeral?: boolean;
}

/** Limits of a node. The defaults suit one machine. */
export interface NodeLimits {
  /** Characters of one message's JSON. Larger messages are rejected. Default 1 Mi. */
  readonly maxMessageLength: number;
  /**
   * Bytes of one WebSocket frame. A larger one closes the socket (1009). A message whose delivery would need a larger one is rejected.
   * Default 4 MiB.
   */
  readonly maxFrameBytes: number;
  /**
   * Bytes of all WebSocket messages that have arrived in part, counted as they arrive. One API key may hold a quarter, and an eighth is
   * reserved for keys that hold none. A socket is not read while its key has no budget left, and closed after 5 s (1013). A socket whose
   * message takes longer than `idleTimeoutMs` is closed too. Default 128 Mi.
   */
  readonly maxPartialFrameBytes: number;
  /** Messages in one agent's inbox. Default 10,000. */
  readonly maxInboxMessages: number;
  /** Characters of plaintext in one agent's inbox. Default 64 Mi. */
  readonly maxInboxLength: number;
  /**
   * Messages waiting in the inboxes of all DIDs of one API key. The same limit applies to the messages that its agents have sent to other
   * nodes and that are not delivered yet. Further messages are rejected (`inbox full: …`, `outbox full: …`). Once an inbox is an eighth
   * full, one sender may use three quarters of it. Default 200,000.
   */
  readonly maxWaitingMessagesPerKey: number;
  /** Characters of plaintext of the messages that `maxWaitingMessagesPerKey` counts. Default 1 Gi. */
  readonly maxWaitingLengthPerKey: number;
  /**
   * TCP connections. A quarter is for connections without an API key; of that, one address (an IPv6 /64 network) may use a quarter. When it
   * is used up, a new connection replaces the one that has been idle longest, of the same address or of the address with the most
   * connections. The other three quarters are for agents' sockets (503 beyond, an eighth reserved for keys without a socket). Default
   * 10,000.
   */
  readonly maxConnections: number;
  /** Sockets of one API key. Further ones are rejected with 429. Default 1,000. */
  readonly maxConnectionsPerKey: number;
  /** DIDs that one API key may create. Further ones are rejected (`too many DIDs`). Default 1,000. */
  readonly maxDidsPerKey: number;
  /** Topics joined on one socket. Default 100, as in Phoenix. */
  readonly maxChannelsPerSocket: number;
  /**
   * Messages per second of one API key, over all its connections, with a burst of one second's worth; reconnecting restores nothing.
   * Counted in units of work: one for each started 16 Ki characters of a message, for each recipient, and 50 more for a discover-features
   * query. Messages above the rate are rejected (`e.p.me.res.rate`). Default 100,000.
   */
  readonly messagesPerSecond: number;
  /**
   * Frames of any kind per second of one API key, over all its connections: one unit for each started 16 KiB of a frame, 50 more for a
   * join. Above the rate, its connections are read more slowly. Default 200,000.
   */
  readonly framesPerSecond: number;
  /** Messages in flight to one connection. Default 1,024. */
  readonly maxInFlight: number;
  /** Time without a frame after which a socket is closed, in milliseconds. Default 60,000. */
  readonly idleTimeoutMs: number;
  /** Time to wait for an acknowledgement before redelivery, in milliseconds. Doubles with each attempt, up to 5 minutes. Default 30,000. */
  readonly ackTimeoutMs: number;
  /** Lifetime of a message without `expires_time`, in milliseconds. Default 7 days. */
  readonly messageTtlMs: number;
  /** How long an ephemeral DID without a connection is kept, in milliseconds. Default 5 minutes. */
  readonly ephemeralGraceMs: number;
  /** REST requests per second of one API key. Default 500. */
  readonly requestsPerSecond: number;
  /** Credentials that one holder may store. Default 10,000. */
  readonly maxCredentialsPerHolder: number;
  /** Status lists of one issuer. Each has room for 98,304 revocable credentials. Default 16. */
  readonly maxStatusListsPerIssuer: number;
  /** Longest time until verifiers know that a credential was revoked, in milliseconds: how long they and HTTP caches may use a status list. Default 60,000. */
  readonly statusListTtlMs: number;
  /** Bytes of one stored credential. Default 256 Ki. */
  readonly maxCredentialBytes: number;
  /** Credentials and presentations that are verified at the same time. Default 64. */
  readonly maxVerifications: number;
  /** Time limit of one verification, requests to other hosts included, in milliseconds. Default 15,000. */
  readonly verificationTimeoutMs: number;
  /**
   * How long the nonce of a presentation is remembered, in milliseconds. Older presentations with a nonce are rejected. Default 10 minutes.
   */
  readonly nonceWindowMs: number;
  /** Nonces remembered at the same time. When full, presentations with a nonce are rejected until one expires. Default 100,000. */
  readonly maxNonces: number;
  /** Bytes of one encrypted message from another node. Default 4 Mi. */
  readonly maxEnvelopeBytes: number;
  /**
   * Bytes of all messages from other nodes being read and decrypted, counted as they arrive. One address may hold an eighth, and an eighth
   * is reserved for addresses that hold none. Beyond it, `busy` (503). The bodies of REST calls have a budget of the same size, shared by
   * API keys. Default 128 Mi.
   */
  readonly maxInboundBytes: number;
  /** Messages per second from one sender on another node. Default 2,000. */
  readonly remoteMessagesPerSecond: number;
  /**
   * Messages per second that one address may post for senders that this node has not authenticated before, or without a sender. Default
   * 100.
   */
  readonly strangersPerSecond: number;
  /** DID documents of unknown senders resolved at the same time. One address may use an eighth. Default 64. */
  readonly maxStrangers: number;
  /** Messages of one agent waiting for other nodes. Default 10,000. */
  readonly maxOutboundMessages: number;
  /** Characters of plaintext of one agent waiting for other nodes. Default 64 Mi. */
  readonly maxOutboundLength: number;
  /** Connections to one other node. Default 8. */
  readonly maxConnectionsPerNode: number;
  /** DIDs for which the mediator accepts messages. Default 10,000. */
  readonly maxMediatedDids: number;
  /** The same for one agent. Each DID has a queue with the limits of an inbox. Default 100. */
  readonly maxMediatedDidsPerAgent: number;
  /** Dead letters of one agent; see `deadLetters`. A new one replaces the oldest. Default 1,000. */
  readonly maxDeadLetters: number;
  /** Characters of plaintext of one agent's dead letters. A larger message is not kept. Default 16 Mi. */
  readonly maxDeadLetterLength: number;
  /** Dead letters of all agents. Default 100,000. */
  readonly maxTotalDeadLetters: number;
  /** Characters of plaintext of all dead letters. Default 256 Mi. */
  readonly maxTotalDeadLetterLength: number;
  /** Entries in the audit chain of one agent; see `audit`. The oldest are removed. Default 100,000, about 100 MB. */
  readonly maxAuditEntries: number;
  /** Entries in the audit chains of all agents. Beyond it, the longest chain loses its oldest ones. Default 1,000,000. */
  readonly maxTotalAuditEntries: number;
  /** How long an entry of an audit chain is kept, in milliseconds. Default 90 days. */
  readonly auditTtlMs: number;
}

/** Options of {@link startNode}. */
export interface NodeOptions extends NatsOptions {
  /** Port to listen on; `0` takes a free one. Default 4000. */
  readonly port?: number;
  /** Address to bind. Default `127.0.0.1`: reachable from this machine only. */
  readonly host?: string;
  /** Directory for inboxes, DIDs and keys; without it and `nats`, all data is kept in memory and lost when the node stops. */
  readonly dataDir?: string;
  /** Domain of the DIDs that the node assigns, as written in a did:web DID. Default `localhost%3A<port>`. */
  readonly domain?: string;
  /**
   * Origin under which other machines reach this node, written into DID documents. Default: the origin of `domain` if given, with https
   * (http for `localhost` and names below it); otherwise `http://<host>:<port>`.
   */
  readonly publicUrl?: string;
  /**
   * The proxies in front of the node, which append their client's address to `X-Forwarded-For`: their number, one behind the other, or a
   * list of their addresses and networks, such as `["10.0.0.0/8"]`. `true` is one proxy. Limits by address use the address that the
   * outermost proxy saw, never one that the client wrote. The node must not be reachable except through them. Default: none.
   */
  readonly trustProxy?: TrustProxy;
  /** Separate port for `/health`, `/ready` and `/metrics`; `0` takes a free one. Default: they are on `port` and public. */
  readonly metricsPort?: number;
  /**
   * 32 random bytes that encrypt the private keys of DIDs at rest. Pass it from a secret store to keep it apart from the data. Default: the
   * file `node.key` in the data directory, created by the first start.
   */
  readonly nodeKey?: Uint8Array;
  /**
   * API keys in addition to those in the data directory. Default: without any key, the node creates one that may bind any DID and
   * returns it as `node.apiKey`; that suits one machine, not a shared node.
   */
  readonly apiKeys?: readonly ConfiguredKey[];
  /** Rules for which senders each recipient accepts. Default: every sender is accepted. */
  readonly policies?: readonly Policy[];
  /**
   * Reads the policies again, for `reloadPolicies` and the console. If it rejects, the present policies stay in force. The command reads
   * the file of `--config`. Default: policies can't be reloaded.
   */
  readonly readPolicies?: () => Promise<readonly Policy[]>;
  /**
   * Whether messages that failed permanently are kept, for operators: expired, refused by their handler, without a handler, and
   * undeliverable to another node. They can be seen, replayed and purged with the console and `parley dead-letters`. Default `false`.
   */
  readonly deadLetters?: boolean;
  /**
   * Whether each agent has an audit chain: hash-linked entries of what the node does with its messages, without their bodies. Nodes that
   * both have it exchange signed heads of their chains. Not with `nats`. Default `false`.
   */
  readonly audit?: boolean;
  /**
   * DID of a mediator that this node is: it keeps encrypted messages for agents of other nodes until they pick them up. Every agent that the policies for this
   * DID accept can use it. Default: none.
   */
  readonly mediator?: string;
  /**
   * Starts this node although others that share its data have other policies. For the time in which new policies are brought to all nodes, one after
   * the other. Default `false`.
   */
  readonly allowMixedPolicies?: boolean;
  /**
   * How other hosts are reached: for DID documents that this node doesn't host, for status lists, and for messages to other nodes. Default:
   * public addresses only.
   */
  readonly resolution?: ResolutionOptions;
  /**
   * Hosts of other nodes whose agents may send to agents here, such as `["partner.example", "localhost:4001"]`. The hosts of
   * `resolution.hosts` are added. Messages from other senders, and from senders without a host (did:key), are rejected (403,
   * `e.m.authz.denied`) before their documents are resolved. Default: every sender may send, and unknown senders are rate-limited by
   * address (`limits.strangersPerSecond`).
   */
  readonly knownHosts?: readonly string[];
  /**
   * Trusts the clock however far it is ahead of the last run. Otherwise, after a jump, messages and DIDs expire by the old time for an
   * hour. Default `false`.
   */
  readonly acceptClock?: boolean;
  /** Port of the admin console; `0` takes a free one. Default: no console. */
  readonly adminPort?: number;
  /** Address to bind for the console. Default `127.0.0.1`: reachable from this machine only. */
  readonly adminHost?: string;
  /** What opens the console: at least 16 letters and digits, unguessable. Default: created at each start, and printed in `adminUrl`. */
  readonly adminToken?: string;
  /** Whether the console may change something, such as revoke an API key. Default `false`. */
  readonly adminActions?: boolean;
  /** Whether the console shows the bodies of messages, which are kept in memory for a while. Default `false`. */
  readonly adminBodies?: boolean;
  /** Directory in which agents on this machine announce their lenses (`SKYTALE_LENS`): the console then shows what they know of channels and bridges. */
  readonly adminLenses?: string;
  /** An admin server of `@parley/admin` that shows this server beside others, instead of a console of its own. */
  readonly admin?: AdminHub;
  /**
   * Receives spans of what the node does with messages, such as `otel()` of `@parley/otel`. They have no bodies. Default: none.
   */
  readonly telemetry?: Telemetry;
  /** Limits of sizes, numbers, rates and times. */
  readonly limits?: Partial<NodeLimits>;
  /** A pino logger, or `false` to log nothing. Default: warnings to standard error. */
  readonly logger?: Logger | false;
}

/** The options with their defaults. */
export interface ReadNodeOptions extends NodeOptions {
  readonly port: number;
  readonly host: string;
  readonly limits: NodeLimits;
}

const IS_DOMAIN: OptionCheck = {
  expected: "a domain as in a did:web DID, such as acme.example or localhost%3A4000 (its port after %3A)",
  is: (value) => typeof value === "string" && /^[^:/\s]+(?::[^:/\s]+)*$/.test(value) && !/^[^:]+:\d+$/.test(value),
  isPublic: true,
};
const IS_ORIGIN: OptionCheck = {
  expected: "an http or https URL without a user name or password, such as https://acme.example: other nodes read it in DID documents",
  is: (value) => typeof value === "string" && URL.canParse(value) && isPublicUrl(new URL(value)),
};
function isPublicUrl({ protocol, username, password }: URL): boolean {
  return /^https?:$/.test(protocol) && username === "" && password === "";
}
const IS_HOSTS: OptionCheck = {
  expected: 'a list of hosts, such as ["partner.example", "localhost:4001"]',
  is: (value) => Array.isArray(value) && value.every((host) => typeof host === "string" && readHost(host) !== undefined),
};
const IS_KEY: OptionCheck = {
  expected: "the API key itself, a text such as 32 random bytes in base64",
  is: (value) => typeof value === "string" && value !== "",
  isSecret: true,
};
const IS_HOSTED_DID: OptionCheck = {
  expected: "a did:web DID that this node hosts, such as did:web:acme.example:mediator, in its canonical spelling",
  is: (value) => typeof value === "string" && value.startsWith("did:web:") && isDid(value) && canonicalDid(value) === value,
  isPublic: true,
};
const IS_FUNCTION: OptionCheck = { expected: "a function", is: (value) => typeof value === "function" };
/** The form of its entries is checked by `ApiKeys`. */
const IS_DID_RULE: OptionCheck = {
  expected: '"any", or a list such as ["did:web:acme.example:*"]',
  is: (value) => value === "any" || Array.isArray(value),
};

const MI = 1024 * 1024;
const MINUTE = 60_000;

const LIMITS: OptionSchema<NodeLimits> = options<NodeLimits>({
  maxMessageLength: count(MI),
  maxFrameBytes: count(4 * MI),
  maxPartialFrameBytes: count(128 * MI),
  maxInboxMessages: count(10_000),
  maxInboxLength: count(64 * MI),
  maxWaitingMessagesPerKey: count(200_000),
  maxWaitingLengthPerKey: count(1024 * MI),
  maxConnections: count(10_000),
  maxConnectionsPerKey: count(1000),
  maxDidsPerKey: count(1000),
  maxChannelsPerSocket: count(100),
  messagesPerSecond: amount(100_000),
  framesPerSecond: amount(200_000),
  maxInFlight: count(1024),
  idleTimeoutMs: amount(MINUTE),
  ackTimeoutMs: amount(MINUTE / 2),
  messageTtlMs: amount(7 * 24 * 60 * MINUTE),
  ephemeralGraceMs: amount(5 * MINUTE),
  requestsPerSecond: amount(500),
  maxCredentialsPerHolder: count(10_000),
  maxStatusListsPerIssuer: count(16),
  statusListTtlMs: amount(MINUTE),
  maxCredentialBytes: count(256 * 1024),
  maxVerifications: count(64),
  verificationTimeoutMs: amount(MINUTE / 4),
  nonceWindowMs: amount(10 * MINUTE),
  maxNonces: count(100_000),
  maxEnvelopeBytes: count(4 * MI),
  maxInboundBytes: count(128 * MI),
  remoteMessagesPerSecond: amount(2000),
  strangersPerSecond: amount(100),
  maxStrangers: count(64),
  maxOutboundMessages: count(10_000),
  maxOutboundLength: count(64 * MI),
  maxConnectionsPerNode: count(8),
  maxMediatedDids: count(10_000),
  maxMediatedDidsPerAgent: count(100),
  maxDeadLetters: count(1000),
  maxDeadLetterLength: count(16 * MI),
  maxTotalDeadLetters: count(100_000),
  maxTotalDeadLetterLength: count(256 * MI),
  maxAuditEntries: count(100_000),
  maxTotalAuditEntries: count(1_000_000),
  auditTtlMs: amount(90 * 24 * 60 * MINUTE),
});

/** The schema of {@link NodeOptions}: checks, defaults, and the flags of the command. */
export const NODE_OPTIONS: OptionSchema<ReadNodeOptions> = options<ReadNodeOptions>({
  port: port().default(4000),
  host: text({ flag: "<address>" }).default("127.0.0.1"),
  dataDir: text({ flag: "<path>" }).optional(),
  ...NATS_OPTIONS,
  domain: option<string>(IS_DOMAIN, { flag: "<domain>" }).optional(),
  publicUrl: option<string>(IS_ORIGIN, { flag: "<url>" }).optional(),
  trustProxy: trustedProxies().optional(),
  metricsPort: port().optional(),
  nodeKey: secretKey().optional(),
  apiKeys: listOf(
    options<ConfiguredKey>({
      key: option(IS_KEY),
      dids: option<DidRule>(IS_DID_RULE),
      name: text().optional(),
      ephemeral: trueOrFalse().optional(),
    }),
  ).optional(),
  policies: POLICIES.optional(),
  readPolicies: option<() => Promise<readonly Policy[]>>(IS_FUNCTION, { inConfig: false }).optional(),
  deadLetters: trueOrFalse({ flag: "" }).optional(),
  audit: trueOrFalse({ flag: "" }).optional(),
  mediator: option<string>(IS_HOSTED_DID, { flag: "<did>" }).optional(),
  allowMixedPolicies: trueOrFalse({ flag: "", inConfig: false }).optional(),
  resolution: RESOLUTION.optional(),
  knownHosts: option<readonly string[]>(IS_HOSTS).optional(),
  acceptClock: trueOrFalse({ flag: "", inConfig: false }).optional(),
  ...adminOptions(),
  telemetry: telemetry().optional(),
  limits: LIMITS.prefault({}),
  logger: logger().optional(),
});

/**
 * Checks options as given, before anything is read or written, and fills in the defaults.
 *
 * @throws TypeError naming the option.
 */
export function readNodeOptions(given: NodeOptions): ReadNodeOptions {
  return readOptions(NODE_OPTIONS, given);
}
