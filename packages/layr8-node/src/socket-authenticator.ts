import { FairShare, RateLimiter } from "@parley/core/internal";
import type { Logger } from "pino";
import { mayBind, type ApiKey, type ApiKeys } from "./identity/api-keys.ts";
import type { Clock } from "./clock.ts";
import type { Dids } from "./identity/dids.ts";
import type { Metrics } from "./http/metrics.ts";
import type { NodeLimits } from "./options.ts";
import { errorReply, type Channel, type Joined } from "./phoenix/channel.ts";
import type { AuthenticatedSocket, UpgradeRejection } from "./phoenix/phoenix-server.ts";
import type { UpgradeRequest } from "./phoenix/upgrade.ts";
import { AgentChannel } from "./routing/agent-channel.ts";
import { MAX_PROTOCOLS } from "./routing/builtin-protocols.ts";
import { readJoin } from "./routing/join-request.ts";
import type { Router } from "./routing/router.ts";

/**
 * What a node tells every agent that it can do. `batch_ack/1` is Parley's own: beside `dispatch_reply`, one `ack` with many ids stands
 * for as many outcomes "handled".
 */
const CAPABILITIES = ["reply_protocol/1", "wildcard/1", "batch_ack/1"];

/** Characters of a topic, and protocols of a join, that the log shows. */
const MAX_LOGGED = 256;
const MAX_LOGGED_PROTOCOLS = 16;
/** Entries of an API key's rule that a refusal names. */
const MAX_NAMED = 5;

/** The part of the room for messages that are not complete which one API key may take. */
const PARTIAL_SHARE = 1 / 4;

/** What the gate asks. */
export interface SocketAuthenticatorOptions {
  readonly apiKeys: ApiKeys;
  readonly dids: Dids;
  readonly router: Router;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly clock: Clock;
  readonly domain: string;
  /** Whether messages or credentials of a DID are waiting. */
  holdsAnything(did: string): boolean;
  readonly logger: Logger;
  /** Returns what is called for each frame that a socket of an API key sends. */
  frameCounter(key: string): () => void;
  /** A connection showed no valid API key. */
  onRefusedKey(address: string): void;
  /** Sockets of all API keys. */
  readonly maxSockets: number;
}

/** Lets agents in: an API key opens a socket, and says which DIDs may be bound on it. */
export class SocketAuthenticator {
  readonly #options: SocketAuthenticatorOptions;
  /** By API key. */
  readonly #sockets: FairShare;
  /** Messages, in units of work, and frames of whatever kind, by API key. */
  readonly #messages: RateLimiter;
  readonly #frames: RateLimiter;
  /** Bytes of messages that are not complete yet, by API key. */
  readonly #partial: FairShare;

  constructor(options: SocketAuthenticatorOptions) {
    const { maxSockets, limits } = options;
    this.#options = options;
    this.#sockets = new FairShare({ total: maxSockets, perOwner: limits.maxConnectionsPerKey });
    this.#messages = new RateLimiter({ perSecond: limits.messagesPerSecond });
    this.#frames = new RateLimiter({ perSecond: limits.framesPerSecond });
    const { maxPartialFrameBytes: total, maxFrameBytes } = limits;
    this.#partial = new FairShare({ total, perOwner: Math.max(maxFrameBytes, total * PARTIAL_SHARE) });
  }

  authenticate(request: UpgradeRequest): AuthenticatedSocket | UpgradeRejection {
    const { apiKeys, limits, logger } = this.#options;
    const { address } = request;
    const apiKey = request.apiKey === undefined ? undefined : apiKeys.find(request.apiKey);
    if (apiKey === undefined) {
      this.#options.onRefusedKey(address);
      return 403;
    }
    const lease = this.#sockets.tryAcquire(apiKey.id);
    if (lease === undefined) {
      const sockets = this.#sockets.heldBy(apiKey.id);
      logger.debug({ key: apiKey.id, address, sockets, all: this.#sockets.used }, "connection refused: too many");
      return sockets >= limits.maxConnectionsPerKey ? 429 : 503;
    }
    logger.debug({ key: apiKey.id, address }, "connected");
    const countFrame = this.#options.frameCounter(apiKey.id);
    return {
      owner: apiKey.id,
      join: (topic, payload, channel) => this.#join(apiKey, topic, payload, channel),
      charge: (units) => {
        if (units > 0) countFrame();
        return this.#frames.take(apiKey.id, units);
      },
      hold: (bytes) => this.#partial.tryAcquire(apiKey.id, bytes),
      onClose: () => {
        logger.debug({ key: apiKey.id, address }, "disconnected");
        lease.release();
      },
    };
  }

  async #join(apiKey: ApiKey, topic: string, payload: string, channel: Channel): Promise<Joined> {
    const { dids, router, metrics, limits, clock, domain, logger } = this.#options;
    const refuse = (reason: string, comment?: string): Joined => {
      logger.debug({ key: apiKey.id, topic: topic.slice(0, MAX_LOGGED), reason, comment }, "join refused");
      return { ...errorReply(reason, { ...(comment !== undefined && { comment }) }), status: "error" };
    };
    const request = readJoin(topic, payload);
    if (typeof request === "string") return refuse(request);
    const admitted = await dids.admit(apiKey, request, domain, (did) => this.#options.holdsAnything(did));
    if ("refused" in admitted)
      return refuse(admitted.refused, admitted.refused === "unauthorized" ? whyNot(apiKey, request.did) : undefined);
    const { did } = admitted;
    if (router.wouldExceedProtocols(did, request.protocols)) {
      return refuse(`too many protocols: all connections of ${did} may bind ${MAX_PROTOCOLS} together`);
    }
    const tookOver = router.wouldTakeOver(did, request.protocols, channel.replaces);
    const agent = new AgentChannel({
      did,
      channel,
      join: request,
      router,
      maxLength: limits.maxMessageLength,
      clock,
      account: { owner: apiKey.id, takeUnits: (units) => this.#messages.tryTake(apiKey.id, units) },
      events: {
        onAccepted: () => metrics.accepted.inc(),
        onRefused: ({ label, reason, code, comment }) => {
          metrics.refused.inc({ reason: label });
          logger.debug({ did, reason, code, comment }, "message refused");
        },
        onEnded: (end, closeCode) => {
          dids.touch(did);
          logger.debug({ did, end, closeCode }, "left");
        },
      },
    });
    return {
      status: "ok",
      response: JSON.stringify({ did, capabilities: CAPABILITIES, ...(tookOver && { took_over: true }) }),
      handler: agent,
      joined: () => {
        // Agents that know the reply protocol use the topic of the DID that they are assigned, older ones the one that they joined.
        if (request.did === undefined) channel.alias(`plugins:${did}`, request.replyProtocol);
        agent.bind(request.protocols);
        const about = { did, key: apiKey.id, protocols: request.protocols.slice(0, MAX_LOGGED_PROTOCOLS) };
        logger.debug({ ...about, replyProtocol: request.replyProtocol, mode: request.mode }, "joined");
        if (tookOver) logger.info(about, "took a protocol of this DID over from another connection");
      },
    };
  }
}

/** Why an API key may not bind a DID. Its holder knows its rule. */
function whyNot(apiKey: ApiKey, did: string | undefined): string {
  const { dids } = apiKey;
  if (did === undefined) return "this API key is assigned no DIDs: name the one to bind";
  if (dids === "any" || mayBind(apiKey, did)) return `${did} belongs to another API key`;
  const named = [...dids.slice(0, MAX_NAMED), ...(dids.length > MAX_NAMED ? [`${dids.length - MAX_NAMED} more`] : [])];
  return `this API key may bind ${named.join(", ") || "no DID"}, not ${did}`;
}
