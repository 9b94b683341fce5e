import { createDidcommCrypto, type DidcommCrypto } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { NodeRecorder } from "../admin/node-recorder.ts";
import type { Audit } from "../audit/audit.ts";
import type { Clock } from "../clock.ts";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";
import type { NodeCrypto } from "../routing/end-to-end/node-crypto.ts";
import type { Resolution } from "../network/resolution.ts";
import type { FederationMetrics } from "../http/metrics.ts";
import { checkMediatorDomain } from "../mediation/check-mediator-domain.ts";
import type { Mediator } from "../mediation/mediator.ts";
import type { NodeTelemetry } from "../node-telemetry.ts";
import type { NodeLimits } from "../options.ts";
import { isUnknownToSender } from "../routing/respond/builtin-protocols.ts";
import type { Problem } from "../routing/respond/failure-reporter.ts";
import type { Remote } from "../routing/remote.ts";
import type { Router } from "../routing/router.ts";
import { AgreementKeys, type HostedKeys } from "./agreement-keys.ts";
import { addDidcommRoute } from "./inbound/didcomm-route.ts";
import { Inbound } from "./inbound/inbound.ts";
import { response, type InboundResult } from "./inbound/inbound-response.ts";
import type { KnownHosts } from "./inbound/known-hosts.ts";
import { UnknownSenderLimiter } from "./inbound/unknown-sender-limiter.ts";
import { queueLimits } from "./outbound/outbound-limits.ts";
import type { OutboundMessage } from "./outbound/outbound-message.ts";
import { openOutbound } from "./outbound/outbound-queue.ts";
import type {
  DeliveryFailure,
  DeliveryFailureCode,
  DescribedOutbound,
  Outbound,
  OutboundDepth,
  OutboundPage,
  OutboundSelection,
  PurgedOutbound,
  WaitingOutbound,
} from "./outbound/outbound.ts";
import type { OutboundStore } from "./outbound/outbound-store.ts";
import { HostedDocuments } from "./hosted-documents.ts";
import { RemoteDidCheck } from "./remote-did-check.ts";
import { RemoteAgents } from "./remote-agents.ts";

/** Options of {@link Federation}. */
export interface FederationOptions {
  readonly hosted: HostedKeys & {
    has(did: string): boolean;
    /** See `Dids.similar`. */
    similar(did: string, hostnames: ReadonlySet<string>): string | undefined;
    /** The API key that a DID belongs to. */
    ownerOf(did: string): string | undefined;
    /** Whether the agent of a hosted DID holds its keys itself. */
    keysAtAgent(did: string): boolean;
  };
  /** Resolvers of DID documents, those of hosted DIDs included: for recipients of the agents here, and for unauthenticated senders. */
  readonly resolvers: { readonly recipients: DidResolver; readonly senders: DidResolver };
  readonly network: Resolution;
  readonly knownHosts: KnownHosts;
  readonly limits: NodeLimits;
  readonly store: OutboundStore;
  readonly clock: Clock;
  readonly metrics: FederationMetrics;
  readonly logger: Logger;
  /** Records events for the console. */
  readonly recorder?: NodeRecorder | undefined;
  readonly telemetry?: NodeTelemetry | undefined;
  readonly mediator?: Mediator | undefined;
  readonly audit?: Audit | undefined;
  /** Stores messages that failed permanently. Default: none. */
  readonly keepDeadLetter?: ((message: OutboundMessage, problem: Problem) => void) | undefined;
  /** Called for each envelope that a client posts. */
  onPosted(address: string): void;
  readonly onFailure: (error: unknown) => void;
}

const STOPPING: InboundResult = { ok: false, response: response("stopping", "the node is stopping") };
const NOTHING: OutboundDepth = { messages: 0, length: 0, pairs: 0, blocked: 0 };

/** Exchanges messages with other nodes: the endpoint that they post to, and the outbound queue. */
export class Federation {
  readonly #options: FederationOptions;
  readonly #keys: AgreementKeys;
  readonly #documents: HostedDocuments;
  readonly #crypto: DidcommCrypto;
  readonly #remoteAgents: RemoteAgents;
  #inbound: Inbound | undefined;
  #outbound: Outbound | undefined;
  #closed = false;

  constructor(options: FederationOptions) {
    const { hosted, resolvers, limits, clock } = options;
    this.#options = options;
    this.#keys = new AgreementKeys(hosted);
    // The document of an agent that holds its keys itself changes with each rotation, also when another node publishes it.
    this.#documents = new HostedDocuments((did) => hosted.has(did) && !hosted.keysAtAgent(did), resolvers.recipients);
    this.#crypto = createDidcommCrypto({ resolver: this.#documents, privateKey: (kid) => this.#keys.find(kid) });
    this.#remoteAgents = new RemoteAgents({
      messageTtlMs: limits.messageTtlMs,
      now: () => clock.lifetimeStart(),
      audit: options.audit,
      keysAtAgent: (did) => hosted.keysAtAgent(did),
    });
  }

  /** Encrypts and decrypts between agents here that hold their keys themselves and those whose keys the node holds. */
  get crypto(): NodeCrypto {
    const { hosted } = this.#options;
    return {
      keysAtAgent: (did) => hosted.keysAtAgent(did),
      keysAtNode: (did) => hosted.has(did) && nodeHoldsKeys(did) && !hosted.keysAtAgent(did),
      open: (envelope) => this.#crypto.unpack(JSON.stringify(envelope)),
      seal: (plaintext, from, to) => this.#crypto.pack(plaintext, { from, to }),
    };
  }

  /** Sends to agents on other nodes, once {@link Federation.start} was called. */
  get remote(): Remote {
    return this.#remoteAgents;
  }

  /** Size of the outbound queue. */
  get depth(): OutboundDepth {
    return this.#outbound?.depth() ?? NOTHING;
  }

  /** The hosts and pairs that messages wait for, for the console. */
  describe(maxPairs: number): DescribedOutbound {
    return this.#outbound?.describe(maxPairs) ?? { hosts: [], pairs: [] };
  }

  /** See {@link Outbound.list}. */
  list(selection: OutboundSelection, page: OutboundPage): readonly WaitingOutbound[] {
    return this.#outbound?.list(selection, page) ?? [];
  }

  /** See {@link Outbound.purge}. */
  purge(selection: OutboundSelection): PurgedOutbound {
    return this.#outbound?.purge(selection) ?? { purged: 0, beingSent: 0 };
  }

  /** Number of messages of a DID waiting for other nodes. */
  waiting(did: string): number {
    return this.#outbound?.waiting(did) ?? 0;
  }

  /** Adds the endpoint that other nodes post to. @param addressOf the client's address. */
  addRoutes(app: FastifyInstance, addressOf: (request: FastifyRequest) => string): void {
    const { limits, metrics, audit } = this.#options;
    addDidcommRoute(app, {
      take: async (body, address, auditHead) => {
        this.#options.onPosted(address);
        if (this.#inbound === undefined) return STOPPING;
        return body instanceof Uint8Array ? this.#inbound.take(body, address, auditHead) : this.#inbound.takeAll(body, address, auditHead);
      },
      headOf: audit && ((recipient) => audit.headForPeers(recipient)),
      limits,
      addressOf,
      isReady: () => this.#outbound !== undefined && !this.#closed,
      onRejected: (counted) => metrics.received.inc({ result: counted }),
    });
  }

  /**
   * Starts sending and accepting messages. Called once, by the node, when its HTTP server can serve DID documents.
   *
   * @param router accepts messages from other nodes, and reports undeliverable ones to their senders.
   * @param ownHosts hosts whose DIDs belong to this node, as written in URLs.
   */
  start(router: Pick<Router, "receive" | "undelivered">, ownHosts: readonly string[]): void {
    const { hosted, network, mediator, logger } = this.#options;
    if (mediator !== undefined) checkMediatorDomain(mediator.did, ownHosts, logger);
    this.#outbound = this.#openOutbound(router);
    this.#inbound = this.#createInbound(router, this.#outbound);
    const suggest = (did: string, hostnames: ReadonlySet<string>): string | undefined => hosted.similar(did, hostnames);
    this.#remoteAgents.start(this.#outbound, new RemoteDidCheck({ network, ownHosts, suggest }));
  }

  #openOutbound(router: Pick<Router, "undelivered">): Outbound {
    const { hosted, store, clock, network, limits, metrics, resolvers, logger, recorder, telemetry, audit, keepDeadLetter, onFailure } =
      this.#options;
    return openOutbound({
      store,
      clock,
      resolver: resolvers.recipients,
      crypto: this.#crypto,
      network,
      limits: queueLimits(limits),
      ownerOf: (did) => hosted.ownerOf(did),
      headOf: audit && ((sender) => audit.headForPeers(sender)),
      events: {
        ...(audit && {
          onHead: ({ sender, recipient }, head) => void audit.witness(sender, recipient, head, resolvers.recipients),
        }),
        onDelivered: (message, ageMs, isMediated) => {
          if (!isMediated) audit?.sent(message);
          metrics.sent.inc();
          metrics.delivered(message.recipient, ageMs);
          recorder?.remoteSent(message);
        },
        ...(telemetry && { onPosted: (posted) => telemetry.posted(posted) }),
        onRetry: ({ sender, recipient }, reason) => {
          metrics.retried.inc();
          recorder?.remoteRetry(sender, recipient, reason);
          logger.info({ sender, recipient, reason }, "delivery to remote node failed; will retry");
        },
        onDead: async (message, cause) => {
          const { id, type, sender, recipient, plaintext } = message;
          // Of a damaged message, the digest would be another one.
          if (cause.code !== "damaged") audit?.undeliverable(message, problemOf(cause).code);
          // Of a damaged message, the body is missing. A purge is final.
          if (cause.code !== "damaged" && cause.code !== "purged") keepDeadLetter?.(message, problemOf(cause));
          await router.undelivered(plaintext, recipient, problemOf(cause));
          metrics.dead.inc({ cause: cause.code });
          recorder?.remoteDead({ id, type, sender, recipient }, problemOf(cause), cause.code === "purged");
          // A remote agent can cause any number of these by sending pings and not accepting the responses.
          const level = isUnknownToSender({ type }) ? "debug" : "info";
          logger[level]({ id, type, sender, recipient, cause }, "message to remote node dead-lettered");
        },
        onFailure,
      },
    });
  }

  #createInbound(router: Pick<Router, "receive">, outbound: Outbound): Inbound {
    const { hosted, clock, knownHosts, limits, metrics, resolvers, logger, recorder, mediator, audit, onFailure } = this.#options;
    return new Inbound({
      mediator,
      isHosted: (did) => hosted.has(did),
      keysAtAgent: (did) => hosted.keysAtAgent(did),
      keys: this.#keys,
      resolver: resolvers.senders,
      unknownSenders: new UnknownSenderLimiter({
        perSecond: limits.strangersPerSecond,
        atOnce: limits.maxStrangers,
        atOncePerAddress: Math.max(1, Math.ceil(limits.maxStrangers / 8)),
        now: () => clock.monotonic(),
      }),
      knownHosts,
      limits,
      receive: (message) => router.receive(message),
      onProcessed: (result, error) => {
        metrics.received.inc({ result });
        if (result !== "accepted") recorder?.record({ kind: "remote-refused", code: result });
        // At debug level, because unauthenticated clients can cause any number of these.
        if (error !== undefined) logger.debug({ result, err: error }, "inbound message rejected");
      },
      onAuthenticated: (sender, recipient, auditHead) => {
        outbound.hint(sender, resolvers.senders);
        if (auditHead !== undefined) void audit?.witness(recipient, sender, auditHead, resolvers.senders);
      },
      onFailure,
      now: () => clock.monotonic(),
    });
  }

  /** Drops cached documents of a DID that is no longer hosted, or whose keys have changed. */
  forget(did: string): void {
    this.#documents.forget(did);
  }

  /** Stops accepting and sending messages. Queued messages are kept for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#outbound === undefined) await this.#options.store.close();
    else await this.#outbound.close();
  }
}

/** Problem codes of messages that never reached another node. */
const CODES: Readonly<Record<DeliveryFailureCode, string>> = {
  expired: "e.p.msg.expired",
  unresolved: "e.p.did.unresolved",
  unreachable: "e.p.xfer.unreachable",
  no_key: "e.p.did.no-key",
  refused: "e.p.xfer.refused",
  purged: "e.p.xfer.undeliverable",
  damaged: "e.p.me.res.storage",
  failed: "e.p.xfer.failed",
};

/** DIDComm problem codes: a sorter, a scope, and a few descriptors. */
const PROBLEM_CODE = /^[ew]\.[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*){1,6}$/;

/**
 * The problem that is reported to the sender of an undeliverable message. A valid problem code of the remote node is passed on.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#problem-codes | DIDComm v2.1, Problem Codes}
 */
export function problemOf({ code, comment, remoteCode }: DeliveryFailure): Problem {
  const theirs = code === "refused" && remoteCode !== undefined && PROBLEM_CODE.test(remoteCode) ? remoteCode : undefined;
  return { code: theirs ?? CODES[code], comment };
}
