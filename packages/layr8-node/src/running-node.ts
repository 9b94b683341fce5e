import { resolve } from "node:path";
import { closeAll } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import { Connections, type CreatedBackup, proxyTrust, type ProxyTrust, type ServerConsole, ServerLifecycle } from "@parley/server-kit";
import { healthOfWrites, listen, listenStatus, portOf, type StatusListener, type StatusSource } from "@parley/server-kit/http";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { attachNode } from "./admin/node-source.ts";
import { Audit } from "./audit/audit.ts";
import { anonymousConnections } from "./network/anonymous-connections.ts";
import { createHostedResolver } from "./network/hosted-resolver.ts";
import { createNetworkResolver, type Resolution } from "./network/resolution.ts";
import { createNodeVerifiers } from "./credentials/node-verifiers.ts";
import type { Wallet } from "./credentials/wallet.ts";
import { DeadLetterKeeper } from "./dead-letters/dead-letter-keeper.ts";
import type { ChildWatchers } from "./delegation/child-watchers.ts";
import { expireDids } from "./expire-dids.ts";
import { Federation } from "./federation/federation.ts";
import { KnownHosts } from "./federation/inbound/known-hosts.ts";
import { createMetrics, type Metrics } from "./http/metrics.ts";
import { createHttpServer } from "./http/server.ts";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./identity/api-keys.ts";
import { canonicalDomain, hostOfDomain, hostsOfUrl, originOfDomain } from "./identity/domain.ts";
import type { Layr8Node } from "./layr8-node.ts";
import type { NodeParts } from "./node-parts.ts";
import { NodeOperator } from "./node-operator.ts";
import { NodeEvents } from "./node-events.ts";
import { nodeGauges } from "./node-gauges.ts";
import { createNodeRouter } from "./node-router.ts";
import { NodeTelemetry } from "./node-telemetry.ts";
import { createNodeWallet } from "./node-wallet.ts";
import type { NodeLimits, ReadNodeOptions } from "./options.ts";
import { openPhoenix } from "./phoenix/open-phoenix.ts";
import type { PhoenixServer } from "./phoenix/phoenix-server.ts";
import { SOCKET_PATH } from "./phoenix/upgrade.ts";
import { GrantCache } from "./routing/authorize/grants/grant-cache.ts";
import { mediatorDeclarations } from "./mediation/declare-mediator.ts";
import type { Router } from "./routing/router.ts";
import type { SharedMailboxes, Stores } from "./stores.ts";

/** Interval of periodic maintenance (redelivery, idle sockets, expiry), in milliseconds. */
const SWEEP_MS = 1000;
/** Time limit for the head of a connection's first request, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000;
/** Time that clients have to disconnect when the node stops, in milliseconds. */
const CLOSE_GRACE_MS = 2000;
/** Wires the components of a node and runs periodic maintenance every second. */
export class RunningNode implements Layr8Node {
  readonly apiKey: string | undefined;
  readonly #lifecycle: ServerLifecycle;
  readonly #stores: Stores;
  readonly #options: ReadNodeOptions;
  readonly #limits: NodeLimits;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #events: NodeEvents;
  readonly #router: Router;
  readonly #wallet: Wallet;
  readonly #children: ChildWatchers;
  readonly #federation: Federation;
  readonly #audit: Audit | undefined;
  readonly #http: FastifyInstance;
  readonly #statusSource: StatusSource;
  readonly #trustsProxy: ProxyTrust;
  readonly #connections: Connections;
  readonly #knownHosts: KnownHosts;
  readonly #console: ServerConsole | undefined;
  readonly #operator: NodeOperator;
  #status: StatusListener | undefined;
  #phoenix: PhoenixServer | undefined;
  #sharedMailboxes: SharedMailboxes | undefined;
  #authority = "";
  #publicUrl = "";
  #statusOrigin = "";

  private constructor({ storage, stores, options, policies, mediator, resolution, logger, apiKey, ownConsole, hub }: NodeParts) {
    const { dids, apiKeys } = stores;
    const { limits } = options;
    this.apiKey = apiKey;
    this.#console = ownConsole;
    this.#stores = stores;
    this.#options = options;
    this.#limits = limits;
    this.#logger = logger;
    const running = { router: () => this.#router, federation: () => this.#federation };
    const sources = { ...running, stores, storage, mediator, sockets: () => this.#phoenix?.size ?? 0 };
    this.#metrics = createMetrics(nodeGauges(sources), {
      writes: storage.environment?.writes,
      namesHosts: options.metricsPort !== undefined,
    });
    this.#operator = new NodeOperator({
      storage,
      stores,
      options,
      policies,
      ...running,
      wallet: () => this.#wallet,
      audit: () => this.#audit,
    });
    const recorder =
      hub &&
      attachNode(hub, {
        storage,
        stores,
        limits,
        policies,
        ...running,
        operator: this.#operator,
        resolver: () => recipients,
        verifier: () => verifiers.local,
        sockets: () => this.#phoenix?.size ?? 0,
        url: () => this.url,
        revokeApiKey: (id) => this.revokeApiKey(id),
      });
    this.#events = new NodeEvents(this.#metrics, logger, {
      recorder,
      telemetry: options.telemetry && new NodeTelemetry(options.telemetry),
    });
    this.#lifecycle = new ServerLifecycle({
      noun: "node",
      logger,
      storage,
      ownConsole,
      listen: () => this.#listen(),
      tasks: [
        { everyMs: SWEEP_MS, run: () => this.#phoenix?.checkIdle() },
        { everyMs: SWEEP_MS, run: () => this.#disconnectIfCutOff() },
        { everyMs: SWEEP_MS, run: () => this.#router.sweep() },
        { everyMs: SWEEP_MS, run: () => this.#expireDids() },
        { everyMs: SWEEP_MS, run: () => storage.clock.keep() },
        { everyMs: SWEEP_MS, run: () => this.#audit?.sweep() },
      ],
      stop: () => this.#stop(),
      onDamaged: () => this.#metrics.damagedRecords.inc(),
      onFailure: this.#events.onFailure,
    });
    const { watchdog } = this.#lifecycle;
    // Unknown senders use a resolver with its own cache and limits, so that they can not exhaust those of the agents here.
    const [recipients, senders] = [this.#createResolver(resolution), this.#createResolver(resolution)];
    const grantCache = new GrantCache({ maxAgeMs: resolution.cacheTtlMs, now: () => stores.clock.expiry() });
    const { publisher, ...verifiers } = createNodeVerifiers({
      stores,
      limits,
      resolution,
      resolvers: { recipients, senders },
      origin: () => this.#statusOrigin,
      onStatusListChanged: (urls) => grantCache.forget(urls),
    });
    this.#knownHosts = new KnownHosts(options.knownHosts, Object.keys(resolution.hosts));
    const { auditChains: chains, clock } = stores;
    this.#audit = chains && new Audit({ chains, dids, clock, limits, onFailure: this.#events.onFailure });
    const audit = this.#audit;
    const deadLetters = stores.deadLetters && new DeadLetterKeeper(stores.deadLetters, (did) => dids.has(did), this.#events.onFailure);
    this.#federation = new Federation({
      hosted: dids,
      resolvers: { recipients, senders },
      network: resolution,
      knownHosts: this.#knownHosts,
      limits,
      store: stores.outbound,
      clock: stores.clock,
      metrics: this.#metrics.federation,
      onPosted: (address) => watchdog.note("POST /didcomm", address),
      logger,
      onFailure: this.#events.onFailure,
      keepDeadLetter: deadLetters && ((message, problem) => deadLetters.outbound(message, problem)),
      recorder,
      telemetry: this.#events.telemetry,
      mediator,
      audit,
    });
    this.#router = createNodeRouter({
      stores,
      limits,
      policies,
      mediator,
      verifiers,
      grantCache,
      federation: this.#federation,
      audit,
      deadLetters,
      events: this.#events.router,
    });
    apiKeys.onRevoked((id) => this.#phoenix?.drop(id));
    const { wallet, children } = createNodeWallet({
      stores,
      limits,
      verifier: verifiers.local,
      publisher,
      mailboxes: this.#router.mailboxes,
      onFailure: this.#events.onFailure,
    });
    this.#wallet = wallet;
    this.#children = children;
    this.#trustsProxy = proxyTrust(options.trustProxy);
    this.#connections = new Connections({
      max: anonymousConnections(limits),
      isProxy: (address) => this.#trustsProxy(address, 0),
      onDropped: () => this.#metrics.refusedConnections.inc({ status: "dropped" }),
    });
    this.#statusSource = {
      metricsText: () => this.#metrics.text(),
      isReady: () => !this.#lifecycle.isClosing,
      checkHealth: async () => healthOfWrites(await storage.checkWrites()),
      checkSharedStorage: stores.shared?.checkHealth,
    };
    this.#http = createHttpServer({
      status: options.metricsPort === undefined ? this.#statusSource : undefined,
      rest: {
        setMediator: mediatorDeclarations(dids, this.#federation),
        resolveDocument: (did, resolveOptions) => recipients.resolve(did, resolveOptions),
        wallet,
        audit: audit && { audit, permits: (key, did) => dids.permits(key, did) },
        apiKeys,
        requestsPerSecond: limits.requestsPerSecond,
        servers: stores.shared?.servers,
        onCall: (key) => watchdog.note("REST call", key),
        maxBodyBytes: limits.maxInboundBytes,
        onAnswered: (method, route, status) => this.#metrics.requests.inc({ method, route, status: String(status) }),
        onFailure: this.#events.onFailure,
        onRefusedKey: (address) => this.#events.onRejectedKey("rest", address),
      },
      addFederation: (app, addressOf) => this.#federation.addRoutes(app, addressOf),
      statusList: (list, purpose) => publisher.read(list, purpose),
      trustsProxy: this.#trustsProxy,
      maxConnections: limits.maxConnections,
      connections: this.#connections,
      headTimeoutMs: Math.min(HEAD_TIMEOUT_MS, limits.idleTimeoutMs),
      documentAt: (host, path) => dids.documentAt(host, path, this.#publicUrl),
    });
  }

  /** Starts a node. @throws the system's error, with its remedy, when a port is not available */
  static async start(parts: NodeParts): Promise<RunningNode> {
    const node = new RunningNode(parts);
    await node.#lifecycle.start();
    node.#logSenderPolicy();
    return node;
  }

  get url(): string {
    return `ws://${this.#authority}${SOCKET_PATH}`;
  }

  get httpUrl(): string {
    return `http://${this.#authority}`;
  }

  get adminUrl(): string | undefined {
    return this.#console?.url;
  }

  get port(): number {
    return portOf(this.#authority);
  }

  get metricsUrl(): string {
    return this.#status?.url ?? this.httpUrl;
  }

  async #listen(): Promise<{ readonly url: string }> {
    const { port, host, publicUrl, domain, metricsPort } = this.#options;
    this.#sharedMailboxes = await this.#stores.shared?.shareMailboxes(this.#router.mailboxes, this.#events.onFailure);
    this.#authority = await listen(this.#http, { port, host, option: "port" });
    if (metricsPort !== undefined) this.#status = await listenStatus(this.#statusSource, { port: metricsPort, host });
    const ownDomain = canonicalDomain(domain ?? `localhost%3A${this.port}`);
    this.#publicUrl = publicUrl ?? (domain === undefined ? this.httpUrl : originOfDomain(domain));
    this.#statusOrigin = (publicUrl ?? originOfDomain(ownDomain)).replace(/\/+$/, "");
    this.#phoenix = this.#openPhoenix(ownDomain);
    this.#federation.start(this.#router, [hostOfDomain(ownDomain), `localhost:${this.port}`, ...hostsOfUrl(this.#publicUrl)]);
    return { url: this.url };
  }

  async createApiKey(options: ApiKeyOptions): Promise<CreatedApiKey> {
    this.#lifecycle.assertOpen();
    return this.#stores.apiKeys.create(options);
  }

  async revokeApiKey(id: string): Promise<boolean> {
    this.#lifecycle.assertOpen();
    try {
      return await this.#stores.apiKeys.revoke(id);
    } finally {
      this.#phoenix?.drop(id);
    }
  }

  listApiKeys(): readonly ApiKeyInfo[] {
    return this.#stores.apiKeys.list();
  }

  async deleteAgent(did: string): Promise<boolean> {
    this.#lifecycle.assertOpen();
    return this.#operator.deleteAgent(did);
  }

  async reloadPolicies(): Promise<number> {
    this.#lifecycle.assertOpen();
    return this.#operator.reloadPolicies();
  }

  async rotateNodeKey(): Promise<void> {
    this.#lifecycle.assertOpen();
    return this.#operator.rotateNodeKey();
  }

  async backup(directory: string): Promise<CreatedBackup> {
    this.#lifecycle.assertOpen();
    return this.#operator.backup(resolve(directory));
  }

  close(): Promise<void> {
    return this.#lifecycle.close();
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
    const { apiKeys, dids, clock, shared } = this.#stores;
    return openPhoenix({
      server: this.#http.server,
      children: this.#children,
      apiKeys,
      dids,
      router: this.#router,
      metrics: this.#metrics,
      limits: this.#limits,
      domain,
      holdsAnything: (did) => this.#holdsAnything(did),
      onKeysChanged: (did) => this.#federation.forget(did),
      clock,
      shared,
      logger: this.#logger,
      frameCounter: (key) => this.#lifecycle.watchdog.counter("frame", key),
      events: this.#events,
      trustsProxy: this.#trustsProxy,
      connections: this.#connections,
    });
  }

  async #holdsAnything(did: string): Promise<boolean> {
    const { inbox, credentials } = this.#stores;
    if (this.#federation.waiting(did) > 0) return true;
    const [{ messages }, page] = await Promise.all([inbox.depth(did), credentials.list(did, { limit: 1 })]);
    return messages > 0 || page.credentials.length > 0;
  }

  /** Other nodes have taken over the DIDs of the agents here, and have what is sent to them. */
  #disconnectIfCutOff(): void {
    if (this.#stores.shared?.isCutOff() !== true || this.#phoenix === undefined || this.#phoenix.size === 0) return;
    this.#logger.error("nothing of this node was stored for 10 seconds: its agents are disconnected, to connect to another node");
    this.#phoenix.disconnectAll("the node is cut off from its storage");
  }

  #expireDids(): Promise<void> {
    return expireDids({
      stores: this.#stores,
      graceMs: this.#limits.ephemeralGraceMs,
      isInUse: (did) => this.#router.mailboxes.isConnected(did),
      forget: (did) => this.#operator.forget(did, "expired"),
    });
  }

  async #stop(): Promise<void> {
    await closeAll(
      () => this.#sharedMailboxes?.handOver(),
      () => this.#phoenix?.close(CLOSE_GRACE_MS),
      () => this.#router.idle(),
      () => this.#federation.close(),
      () => this.#http.close(),
      () => this.#status?.close(),
      () => this.#router.close(),
    );
  }
}
