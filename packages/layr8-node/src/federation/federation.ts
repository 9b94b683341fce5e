import { createDidcommCrypto } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../clock.ts";
import type { Resolution } from "../credentials/resolution.ts";
import type { FederationMetrics } from "../http/federation-metrics.ts";
import type { NodeLimits } from "../options.ts";
import { isBuiltinAnswer } from "../routing/builtin-protocols.ts";
import type { Problem } from "../routing/failure-reporter.ts";
import type { CheckResult } from "../routing/rejection.ts";
import type { Remote } from "../routing/remote.ts";
import type { Received } from "../routing/router.ts";
import { AgreementKeys, type HostedKeys } from "./agreement-keys.ts";
import { addDidcommRoute } from "./inbound/didcomm-route.ts";
import { Inbound } from "./inbound/inbound.ts";
import type { KnownHosts } from "./inbound/known-hosts.ts";
import { UnknownSenderLimiter } from "./inbound/unknown-sender-limiter.ts";
import { openOutbound } from "./outbound/outbound-queue.ts";
import type { Outbound, OutboundDepth } from "./outbound/outbound.ts";
import type { OutboundStore } from "./outbound/outbound-store.ts";
import { HostedDocuments } from "./hosted-documents.ts";
import { queueLimits } from "./queue-limits.ts";
import { RemoteDidCheck } from "./remote-did-check.ts";
import { RemoteAgents } from "./remote-agents.ts";
import { problemOf } from "./undelivered.ts";

/** Options of {@link Federation}. */
export interface FederationOptions {
  readonly hosted: HostedKeys & {
    /** See `Dids.similar`. */
    similar(did: string, hostnames: ReadonlySet<string>): string | undefined;
    /** The API key that a DID belongs to. */
    ownerOf(did: string): string | undefined;
  };
  /**
   * Resolvers of DID documents, those of hosted DIDs included. `partners` is for recipients of the agents here, `strangers` for
   * unauthenticated senders.
   */
  readonly resolvers: { readonly partners: DidResolver; readonly strangers: DidResolver };
  readonly network: Resolution;
  readonly knownHosts: KnownHosts;
  readonly limits: NodeLimits;
  readonly store: OutboundStore;
  readonly clock: Clock;
  readonly metrics: FederationMetrics;
  /** Accepts a message from another node. See `Router.receive`. */
  receive(message: Received): Promise<CheckResult>;
  /** Reports to a sender that its message can't be delivered. See `Router.undelivered`. */
  undelivered(plaintext: string, recipient: string, problem: Problem): Promise<void>;
  /** Called for each envelope that a client posts. */
  onPosted(address: string): void;
  /** Logs a failure of another node. */
  onTrouble(about: object, text: string): void;
  /** Logs at debug level, because unauthenticated clients can cause any number of these. */
  onOddity(about: object, text: string): void;
  onFailure(error: unknown): void;
}

const NOTHING: OutboundDepth = { messages: 0, length: 0, pairs: 0, blocked: 0 };

/** Exchanges messages with other nodes: the endpoint that they post to, and the outbound queue. */
export class Federation {
  readonly remote: Remote;
  readonly #options: FederationOptions;
  readonly #keys: AgreementKeys;
  readonly #documents: HostedDocuments;
  readonly #inbound: Inbound;
  #remoteDidCheck: RemoteDidCheck;
  #outbound: Outbound | undefined;
  #closed = false;

  constructor(options: FederationOptions) {
    const { hosted, resolvers, network, limits, metrics } = options;
    this.#options = options;
    this.#keys = new AgreementKeys(hosted);
    this.#documents = new HostedDocuments((did) => hosted.has(did), resolvers.partners);
    this.#remoteDidCheck = new RemoteDidCheck({ network, ownHosts: [] });
    this.remote = new RemoteAgents({
      outbound: () => this.#outbound,
      remoteDidCheck: () => this.#remoteDidCheck,
      messageTtlMs: limits.messageTtlMs,
      now: () => options.clock.lifetimeStart(),
    });
    this.#inbound = new Inbound({
      isHosted: (did) => hosted.has(did),
      keys: this.#keys,
      resolver: resolvers.strangers,
      strangers: new UnknownSenderLimiter({
        perSecond: limits.strangersPerSecond,
        atOnce: limits.maxStrangers,
        atOncePerAddress: Math.max(1, Math.ceil(limits.maxStrangers / 8)),
        now: () => options.clock.monotonic(),
      }),
      knownHosts: options.knownHosts,
      maxEnvelopeBytes: limits.maxEnvelopeBytes,
      maxMessageLength: limits.maxMessageLength,
      messagesPerSecond: limits.remoteMessagesPerSecond,
      receive: (message) => options.receive(message),
      onAnswered: (result, error) => {
        metrics.received.inc({ result });
        if (error !== undefined) options.onOddity({ result, err: error }, "inbound message rejected");
      },
      onHeard: (sender) => this.#outbound?.hint(sender, resolvers.strangers),
      onFailure: (error) => options.onFailure(error),
      now: () => options.clock.monotonic(),
    });
  }

  /** Size of the outbound queue. */
  get depth(): OutboundDepth {
    return this.#outbound?.depth() ?? NOTHING;
  }

  /** Number of messages of a DID waiting for other nodes. */
  waiting(did: string): number {
    return this.#outbound?.waiting(did) ?? 0;
  }

  /** Adds the endpoint that other nodes post to. @param addressOf the client's address. */
  addRoutes(app: FastifyInstance, addressOf: (request: FastifyRequest) => string): void {
    const { limits, metrics } = this.#options;
    addDidcommRoute(app, {
      take: (envelope, address) => {
        this.#options.onPosted(address);
        return this.#inbound.take(envelope, address);
      },
      takeAll: (envelopes, address) => {
        this.#options.onPosted(address);
        return this.#inbound.takeAll(envelopes, address);
      },
      maxEnvelopeBytes: limits.maxEnvelopeBytes,
      maxInboundBytes: limits.maxInboundBytes,
      addressOf,
      isReady: () => this.#outbound !== undefined && !this.#closed,
      onRefused: (counted) => metrics.received.inc({ result: counted }),
    });
  }

  /**
   * Starts sending and accepting messages. Called once, by the node, when its HTTP server can serve DID documents.
   *
   * @param ownHosts hosts whose DIDs belong to this node, as written in URLs.
   */
  start(ownHosts: readonly string[]): void {
    const { hosted, store, clock, network, limits, metrics, resolvers, onTrouble, onOddity, onFailure } = this.#options;
    this.#remoteDidCheck = new RemoteDidCheck({ network, ownHosts, suggest: (did, hostnames) => hosted.similar(did, hostnames) });
    this.#outbound = openOutbound({
      store,
      clock,
      resolver: resolvers.partners,
      crypto: createDidcommCrypto({ resolver: this.#documents, privateKey: (kid) => this.#keys.find(kid) }),
      network,
      limits: queueLimits(limits),
      ownerOf: (did) => hosted.ownerOf(did),
      events: {
        onDelivered: () => metrics.sent.inc(),
        onRetry: ({ sender, recipient }, reason) => {
          metrics.retried.inc();
          onTrouble({ sender, recipient, reason }, "delivery to remote node failed; will retry");
        },
        onDead: async ({ id, type, sender, recipient, plaintext }, cause) => {
          await this.#options.undelivered(plaintext, recipient, problemOf(cause));
          metrics.dead.inc({ cause: cause.code });
          // A remote agent can cause any number of these by sending pings and not accepting the responses.
          const tell = isBuiltinAnswer({ type }) ? onOddity : onTrouble;
          tell({ id, type, sender, recipient, cause }, "message to remote node dead-lettered");
        },
        onFailure,
      },
    });
  }

  /** Drops cached keys and documents of a DID that is no longer hosted. */
  forget(did: string): void {
    this.#keys.forget(did);
    this.#documents.forget(did);
  }

  /** Stops accepting and sending messages. Queued messages are kept for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#outbound === undefined) await this.#options.store.close();
    else await this.#outbound.close();
  }
}
