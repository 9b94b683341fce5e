import type { AddressInfo } from "node:net";
import { closeAll } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import { StorageError } from "@parley/storage";
import { clientAddress, Connections, listenError, Watchdog, type ProxyTrust } from "@parley/server-kit";
import { createStatusServer, healthOfWrites, type StatusSource } from "@parley/server-kit/http";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { createHostedResolver } from "./network/hosted-resolver.ts";
import { createNetworkResolver, type Resolution } from "./network/resolution.ts";
import { NonceMemory } from "./credentials/nonce-memory.ts";
import { createNetworkVerifier } from "./credentials/verifier.ts";
import { Wallet } from "./credentials/wallet.ts";
import { Federation } from "./federation/federation.ts";
import { KnownHosts } from "./federation/inbound/known-hosts.ts";
import { SocketAuthenticator } from "./phoenix/socket-authenticator.ts";
import { createMetrics, type Metrics } from "./http/metrics.ts";
import { createHttpServer } from "./http/server.ts";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./identity/api-keys.ts";
import { canonicalDomain, hostOfDomain, hostsOfUrl, originOfDomain } from "./identity/domain.ts";
import type { Layr8Node } from "./node.ts";
import { NodeEvents } from "./node-events.ts";
import type { NodeLimits, NodeOptions } from "./options.ts";
import { checkFrameSize } from "./phoenix/delivery-payload.ts";
import { PhoenixServer } from "./phoenix/phoenix-server.ts";
import { SOCKET_PATH } from "./phoenix/upgrade.ts";
import type { Policies } from "./routing/authorize/policy.ts";
import { Router } from "./routing/router.ts";
import type { Stores } from "./stores.ts";

/** Interval of periodic maintenance (redelivery, idle sockets, expiry), in milliseconds. */
const SWEEP_MS = 1000;
/** Time limit for the head of a connection's first request, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000;
/** Time that clients have to disconnect when the node stops, in milliseconds. */
const CLOSE_GRACE_MS = 2000;
/** Longest wait for an acknowledgement, in milliseconds. */
const MAX_ACK_TIMEOUT_MS = 5 * 60_000;
/** Malformed frames after which a socket is closed. */
const MAX_MALFORMED = 100;
/** Bytes buffered for a client above which its messages stay in the inbox. */
const HIGH_WATER_MARK = 1024 * 1024;
/** Threads remembered per DID, to route responses to the connection that has sent the request. */
const MAX_THREADS = 16_384;

/** Components and options of {@link RunningNode}. */
export interface NodeParts {
  readonly stores: Stores;
  readonly limits: NodeLimits;
  readonly policies: Policies;
  readonly resolution: Resolution;
  readonly knownHosts: readonly string[] | undefined;
  readonly logger: Logger;
  readonly apiKey: string | undefined;
  readonly trustsProxy: ProxyTrust;
  readonly metricsPort: number | undefined;
}

/** Wires the components of a node and runs periodic maintenance every second. */
export class RunningNode implements Layr8Node {
  readonly apiKey: string | undefined;
  port = 0;
  metricsUrl = "";
  readonly #stores: Stores;
  readonly #limits: NodeLimits;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #events: NodeEvents;
  readonly #router: Router;
  readonly #wallet: Wallet;
  readonly #federation: Federation;
  readonly #http: FastifyInstance;
  readonly #status: FastifyInstance | undefined;
  readonly #trustsProxy: ProxyTrust;
  readonly #connections: Connections;
  readonly #knownHosts: KnownHosts;
  readonly #watchdog: Watchdog;
  #phoenix: PhoenixServer | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #authority = "";
  #publicUrl = "";
  #isExpiring = false;
  #closing: Promise<void> | undefined;

  constructor({ stores, limits, policies, resolution, knownHosts, logger, apiKey, trustsProxy, metricsPort }: NodeParts) {
    const { inbox, dids, apiKeys, credentials } = stores;
    this.apiKey = apiKey;
    this.#stores = stores;
    this.#limits = limits;
    this.#logger = logger;
    this.#watchdog = new Watchdog({ onHeld: (held) => logger.warn(held, "event loop held") });
    this.#metrics = createMetrics({
      sockets: () => this.#phoenix?.size ?? 0,
      agents: () => this.#router.mailboxes.connected,
      inboxMessages: () => inbox.size,
      clockHeldBackMs: () => stores.steadyClock.heldBackMs,
      outboundMessages: () => this.#federation.depth.messages,
      outboundBlocked: () => this.#federation.depth.blocked,
    });
    this.#events = new NodeEvents(this.#metrics, logger);
    // Unknown senders use a resolver with its own cache and limits, so that they can not exhaust those of the agents here.
    const [recipients, senders] = [this.#createResolver(resolution), this.#createResolver(resolution)];
    const verifier = createNetworkVerifier(recipients, resolution, limits);
    this.#knownHosts = new KnownHosts(knownHosts, Object.keys(resolution.hosts));
    this.#federation = new Federation({
      hosted: dids,
      resolvers: { recipients, senders },
      network: resolution,
      knownHosts: this.#knownHosts,
      limits,
      store: stores.outbound,
      clock: stores.clock,
      metrics: this.#metrics.federation,
      onPosted: (address) => this.#watchdog.note("POST /didcomm", address),
      logger,
      onFailure: this.#events.onFailure,
    });
    this.#router = new Router({
      inbox,
      policies,
      verifiers: { local: verifier, remote: createNetworkVerifier(senders, resolution, limits) },
      remote: this.#federation.remote,
      isHosted: (did) => dids.has(did),
      limits,
      ownerOf: (did) => dids.ownerOf(did),
      shareRecords: stores.inboxShares,
      checkDelivery: (message) => checkFrameSize(message, limits.maxFrameBytes),
      delivery: {
        ackTimeoutMs: limits.ackTimeoutMs,
        maxAckTimeoutMs: Math.max(limits.ackTimeoutMs, MAX_ACK_TIMEOUT_MS),
        window: { maxMessages: limits.maxInFlight, maxLength: 4 * limits.maxMessageLength },
        maxThreads: MAX_THREADS,
        clock: stores.clock,
      },
      events: this.#events.router,
    });
    inbox.onDamaged((message) => this.#router.damaged(message));
    stores.onDamaged((record) => this.#events.onDamaged(record));
    this.#wallet = new Wallet({
      dids,
      store: credentials,
      verifier,
      nonces: new NonceMemory({ windowMs: limits.nonceWindowMs, maxEntries: limits.maxNonces, expiryNow: () => stores.clock.expiry() }),
      maxCredentialBytes: limits.maxCredentialBytes,
    });
    this.#trustsProxy = trustsProxy;
    this.#connections = new Connections({
      max: anonymousConnections(limits),
      isProxy: (address) => trustsProxy(address, 0),
      onDropped: () => this.#metrics.refusedConnections.inc({ status: "dropped" }),
    });
    const status: StatusSource = {
      metricsText: () => this.#metrics.text(),
      isReady: () => this.#closing === undefined,
      checkHealth: async () => healthOfWrites(await this.#stores.checkWrites()),
    };
    this.#status = metricsPort === undefined ? undefined : createStatusServer(status);
    this.#http = createHttpServer({
      status: this.#status === undefined ? status : undefined,
      rest: {
        wallet: this.#wallet,
        apiKeys,
        requestsPerSecond: limits.requestsPerSecond,
        onCall: (key) => this.#watchdog.note("REST call", key),
        maxBodyBytes: limits.maxInboundBytes,
        onAnswered: (method, route, status) => this.#metrics.requests.inc({ method, route, status: String(status) }),
        onFailure: this.#events.onFailure,
        onRefusedKey: (address) => this.#events.onRejectedKey("rest", address),
      },
      addFederation: (app, addressOf) => this.#federation.addRoutes(app, addressOf),
      trustsProxy,
      maxConnections: limits.maxConnections,
      connections: this.#connections,
      headTimeoutMs: Math.min(HEAD_TIMEOUT_MS, limits.idleTimeoutMs),
      documentAt: (host, path) => dids.documentAt(host, path, this.#publicUrl),
    });
  }

  get url(): string {
    return `ws://${this.#authority}${SOCKET_PATH}`;
  }

  get httpUrl(): string {
    return `http://${this.#authority}`;
  }

  /** Opens the port. Called once. */
  async listen({ port = 4000, host = "127.0.0.1", publicUrl, domain, metricsPort = 0 }: NodeOptions): Promise<void> {
    try {
      await this.#http.listen({ port, host });
    } catch (error) {
      throw listenError(error, { host, port, option: "port" });
    }
    const bound = this.#http.server.address() as AddressInfo;
    this.port = bound.port;
    this.#authority = `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
    this.metricsUrl = this.#status === undefined ? this.httpUrl : await listenStatus(this.#status, { port: metricsPort, host });
    const ownDomain = canonicalDomain(domain ?? `localhost%3A${bound.port}`);
    this.#publicUrl = publicUrl ?? (domain === undefined ? this.httpUrl : originOfDomain(domain));
    this.#phoenix = this.#openPhoenix(ownDomain);
    this.#federation.start(this.#router, [hostOfDomain(ownDomain), `localhost:${bound.port}`, ...hostsOfUrl(this.#publicUrl)]);
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
    this.#logger.info({ url: this.url }, "listening");
    this.#logSenderPolicy();
  }

  async createApiKey(options: ApiKeyOptions): Promise<CreatedApiKey> {
    this.#assertOpen();
    return this.#stores.apiKeys.create(options);
  }

  async revokeApiKey(id: string): Promise<boolean> {
    this.#assertOpen();
    try {
      return await this.#stores.apiKeys.revoke(id);
    } finally {
      this.#phoenix?.drop(id);
    }
  }

  listApiKeys(): readonly ApiKeyInfo[] {
    return this.#stores.apiKeys.list();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StorageError("closed", "The node is closed");
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #logSenderPolicy(): void {
    const knownHosts = this.#knownHosts.list;
    const { strangersPerSecond } = this.#limits;
    if (knownHosts !== undefined) this.#logger.info({ knownHosts }, "messages of other nodes are accepted from known hosts only");
    else this.#logger.info({ strangersPerSecond }, "messages of unknown senders on other nodes are accepted, limited by address");
  }

  #createResolver(resolution: Resolution): DidResolver {
    const { dids } = this.#stores;
    const hosted = { has: (did: string) => dids.has(did), document: (did: string) => dids.document(did, this.#publicUrl) };
    return createHostedResolver(hosted, createNetworkResolver(resolution));
  }

  #openPhoenix(domain: string): PhoenixServer {
    const limits = this.#limits;
    const { apiKeys, dids } = this.#stores;
    const authenticator = new SocketAuthenticator({
      apiKeys,
      dids,
      router: this.#router,
      metrics: this.#metrics,
      limits,
      domain,
      holdsAnything: (did) => this.#holdsAnything(did),
      clock: this.#stores.clock,
      maxSockets: Math.max(1, limits.maxConnections - anonymousConnections(limits)),
      logger: this.#logger,
      frameCounter: (key) => this.#watchdog.counter("frame", key),
      events: this.#events,
    });
    return new PhoenixServer(this.#http.server, {
      limits: {
        maxFrameBytes: limits.maxFrameBytes,
        maxChannels: limits.maxChannelsPerSocket,
        idleTimeoutMs: limits.idleTimeoutMs,
        maxMalformed: MAX_MALFORMED,
        highWaterMark: HIGH_WATER_MARK,
        now: () => this.#stores.clock.monotonic(),
      },
      addressOf: (request) => clientAddress(request, this.#trustsProxy),
      admit: (request) => authenticator.authenticate(request),
      onIdentified: (stream) => this.#connections.release(stream),
      events: this.#events.phoenix,
    });
  }

  #holdsAnything(did: string): boolean {
    const { inbox, credentials } = this.#stores;
    const { messages } = inbox.depth(did);
    return messages > 0 || this.#federation.waiting(did) > 0 || credentials.list(did, { limit: 1 }).credentials.length > 0;
  }

  #sweep(): void {
    this.#phoenix?.checkIdle();
    void this.#stores.steadyClock.keep();
    this.#router.sweep();
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    this.#expireDids()
      .catch(this.#events.onFailure)
      .finally(() => (this.#isExpiring = false));
  }

  async #expireDids(): Promise<void> {
    const { dids, clock } = this.#stores;
    for await (const did of dids.expire(clock.expiry() - this.#limits.ephemeralGraceMs, (did) => this.#router.mailboxes.isConnected(did))) {
      this.#federation.forget(did);
      await Promise.all([this.#router.forget(did), this.#wallet.forget(did)]);
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweeper);
    await closeAll(
      () => this.#phoenix?.close(CLOSE_GRACE_MS),
      () => this.#federation.close(),
      () => this.#http.close(),
      () => this.#status?.close(),
      () => this.#router.close(),
      () => this.#stores.close(),
      () => this.#watchdog.close(),
      () => this.#logger.info("stopped"),
    );
  }
}

async function listenStatus(app: FastifyInstance, { port, host }: { port: number; host: string }): Promise<string> {
  try {
    return await app.listen({ port, host });
  } catch (error) {
    throw listenError(error, { host, port, option: "metricsPort" });
  }
}

/** Connections reserved for clients without an API key. */
function anonymousConnections({ maxConnections }: NodeLimits): number {
  return Math.max(1, Math.floor(maxConnections / 4));
}
