import { createDidcommCrypto } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../clock.ts";
import type { Resolution } from "../credentials/resolution.ts";
import type { FederationMetrics } from "../http/federation-metrics.ts";
import type { NodeLimits } from "../options.ts";
import { isBuiltinAnswer } from "../routing/builtin-protocols.ts";
import type { Problem } from "../routing/failure-reporter.ts";
import type { Rejection } from "../routing/rejection.ts";
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

/** What {@link Federation} is made with. */
export interface FederationOptions {
  readonly hosted: HostedKeys & {
    /** See `Dids.similar`. */
    similar(did: string, hostnames: ReadonlySet<string>): string | undefined;
    /** The API key that a DID belongs to. */
    ownerOf(did: string): string | undefined;
  };
  /** Find documents, those of hosted DIDs too: of the agents' own partners, and of strangers that want to be known. */
  readonly resolvers: { readonly partners: DidResolver; readonly strangers: DidResolver };
  readonly network: Resolution;
  readonly knownHosts: KnownHosts;
  readonly limits: NodeLimits;
  readonly store: OutboundStore;
  readonly clock: Clock;
  readonly metrics: FederationMetrics;
  /** Takes what other nodes have sent. See `Router.receive`. */
  receive(message: Received): Promise<Rejection | undefined>;
  /** Tells a sender that its message will never arrive. See `Router.undelivered`. */
  undelivered(plaintext: string, recipient: string, problem: Problem): Promise<void>;
  /** A client has posted an envelope. */
  onPosted(address: string): void;
  /** For the log: what goes wrong with other nodes, and is no fault of this one. */
  onTrouble(about: object, text: string): void;
  /** For the log of those who look closely: strangers can make as many of these as they like. */
  onOddity(about: object, text: string): void;
  onFailure(error: unknown): void;
}

const NOTHING: OutboundDepth = { messages: 0, length: 0, pairs: 0, blocked: 0 };

/** Messages between this node and others: the endpoint that they post to, and the queue of what is posted to them. */
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
        if (error !== undefined) options.onOddity({ result, err: error }, "refused what was posted as a message of another node");
      },
      onHeard: (sender) => this.#outbound?.hint(sender, resolvers.strangers),
      onFailure: (error) => options.onFailure(error),
      now: () => options.clock.monotonic(),
    });
  }

  /** What waits for other nodes. */
  get depth(): OutboundDepth {
    return this.#outbound?.depth() ?? NOTHING;
  }

  /** Messages of a DID that wait for other nodes. */
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
      maxEnvelopeBytes: limits.maxEnvelopeBytes,
      maxInboundBytes: limits.maxInboundBytes,
      addressOf,
      isReady: () => this.#outbound !== undefined && !this.#closed,
      onRefused: (counted) => metrics.received.inc({ result: counted }),
    });
  }

  /**
   * Begins to send and to take messages. Called once, when the node can be asked for its documents.
   *
   * @param ownHosts hosts whose DIDs are this node's, as they stand in URLs.
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
          onTrouble({ sender, recipient, reason }, "another node did not take a message; it will be tried again");
        },
        onDead: async ({ id, type, sender, recipient, plaintext }, cause) => {
          await this.#options.undelivered(plaintext, recipient, problemOf(cause));
          metrics.dead.inc({ cause: cause.code });
          // Whoever pings and doesn't listen can make as many of these as they like.
          const tell = isBuiltinAnswer({ type }) ? onOddity : onTrouble;
          tell({ id, type, sender, recipient, cause }, "a message for another node came to nothing");
        },
        onFailure,
      },
    });
  }

  /** Forgets a DID that is no longer hosted. */
  forget(did: string): void {
    this.#keys.forget(did);
    this.#documents.forget(did);
  }

  /** Takes nothing more from other nodes, and sends no more. What waits is kept for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#outbound === undefined) await this.#options.store.close();
    else await this.#outbound.close();
  }
}
