import { FairShare, RateLimiter } from "@parley/core/internal";
import type { Logger } from "pino";
import { mayBind, type ApiKey, type ApiKeys } from "../identity/api-keys.ts";
import type { Clock } from "../clock.ts";
import type { Dids } from "../identity/dids.ts";
import type { Metrics } from "../http/metrics.ts";
import type { NodeEvents } from "../node-events.ts";
import type { NodeLimits } from "../options.ts";
import { errorReply, type Channel, type Joined } from "./channel.ts";
import type { AuthenticatedSocket, UpgradeRejection } from "./phoenix-server.ts";
import type { UpgradeRequest } from "./upgrade.ts";
import { AgentChannel } from "./agent-channel.ts";
import { MAX_PROTOCOLS } from "../routing/respond/builtin-protocols.ts";
import { readJoin } from "./join-request.ts";
import type { Router } from "../routing/router.ts";
import type { SharedStorage } from "../stores.ts";

/**
 * Capabilities in every join reply. `batch_ack/1` is a Parley extension: one `ack` with many ids stands for that many `dispatch_reply`
 * events with outcome `handled`.
 */
const CAPABILITIES = ["reply_protocol/1", "wildcard/1", "batch_ack/1"];

/** Limits on what a log line shows: characters of a topic, protocols of a join. */
const MAX_LOGGED = 256;
const MAX_LOGGED_PROTOCOLS = 16;
/** Entries of an API key's rule that a rejection names. */
const MAX_NAMED = 5;

/** The share of `maxPartialFrameBytes` that one API key may hold. */
const PARTIAL_SHARE = 1 / 4;

/** Options of {@link SocketAuthenticator}. */
export interface SocketAuthenticatorOptions {
  readonly apiKeys: ApiKeys;
  readonly dids: Dids;
  readonly router: Router;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly clock: Clock;
  readonly domain: string;
  /** Whether messages or credentials of a DID are stored. */
  holdsAnything(did: string): Promise<boolean>;
  readonly logger: Logger;
  /** Returns a function that counts one frame received on a socket of an API key. */
  frameCounter(key: string): () => void;
  readonly events: Pick<NodeEvents, "onRejectedKey" | "onFailure" | "recorder">;
  /** The other nodes that share the rates of API keys; absent: there are none. */
  readonly shared?: Pick<SharedStorage, "servers" | "isCutOff"> | undefined;
  /** Maximum number of sockets over all API keys. */
  readonly maxSockets: number;
}

/** Authenticates WebSocket connections by API key, and authorizes the DIDs that are bound on them. Called by the Phoenix server. */
export class SocketAuthenticator {
  readonly #options: SocketAuthenticatorOptions;
  /** By API key. */
  readonly #sockets: FairShare;
  /** Rates by API key: messages in units of work, and frames of any kind. */
  readonly #messages: RateLimiter;
  readonly #frames: RateLimiter;
  /** Bytes of incomplete messages, by API key. */
  readonly #partial: FairShare;

  constructor(options: SocketAuthenticatorOptions) {
    const { maxSockets, limits, shared } = options;
    const servers = shared?.servers;
    this.#options = options;
    this.#sockets = new FairShare({ total: maxSockets, perOwner: limits.maxConnectionsPerKey });
    this.#messages = new RateLimiter({ perSecond: limits.messagesPerSecond, servers });
    this.#frames = new RateLimiter({ perSecond: limits.framesPerSecond, servers });
    const { maxPartialFrameBytes: total, maxFrameBytes } = limits;
    this.#partial = new FairShare({ total, perOwner: Math.max(maxFrameBytes, total * PARTIAL_SHARE) });
  }

  authenticate(request: UpgradeRequest): AuthenticatedSocket | UpgradeRejection {
    const { apiKeys, limits, logger, shared } = this.#options;
    const { address } = request;
    const apiKey = request.apiKey === undefined ? undefined : apiKeys.find(request.apiKey);
    if (apiKey === undefined) {
      this.#options.events.onRejectedKey("socket", address);
      return 403;
    }
    if (shared?.isCutOff() === true) return 503;
    const maxPerKey = Math.ceil(limits.maxConnectionsPerKey / (shared?.servers() ?? 1));
    const sockets = this.#sockets.heldBy(apiKey.id);
    const lease = sockets < maxPerKey ? this.#sockets.tryAcquire(apiKey.id) : undefined;
    if (lease === undefined) {
      logger.debug({ key: apiKey.id, address, sockets, all: this.#sockets.used }, "connection refused: too many");
      return sockets >= maxPerKey ? 429 : 503;
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
    const { dids, router, metrics, limits, clock, domain, logger, events } = this.#options;
    const reject = (reason: string, comment?: string): Joined => {
      logger.debug({ key: apiKey.id, topic: topic.slice(0, MAX_LOGGED), reason, comment }, "join refused");
      events.recorder?.record({ kind: "join-refused", did: topic.slice(0, MAX_LOGGED), key: apiKey.id, reason: comment ?? reason });
      return { ...errorReply(reason, { ...(comment !== undefined && { comment }) }), status: "error" };
    };
    const read = readJoin(topic, payload);
    if (!read.ok) return reject(read.reason);
    const request = read.join;
    const admitted = await dids.admit(apiKey, request, domain, (did) => this.#options.holdsAnything(did));
    if (!admitted.ok) {
      const { reason } = admitted;
      return reject(reason, reason === "unauthorized" ? whyUnauthorized(apiKey, request.did) : undefined);
    }
    const { did } = admitted;
    const { count, takesOver } = await router.mailboxes.preview(did, request.protocols, channel.replaces);
    if (count > MAX_PROTOCOLS) {
      return reject(`too many protocols: all connections of ${did} may bind ${MAX_PROTOCOLS} together`);
    }
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
        onRejected: ({ label, reason, code, comment }) => {
          metrics.refused.inc({ reason: label });
          logger.debug({ did, reason, code, comment }, "message refused");
        },
        onFailure: events.onFailure,
        onEnded: (end, closeCode) => {
          dids.touch(did);
          logger.debug({ did, end, closeCode }, "left");
          events.recorder?.record({
            kind: "left",
            did,
            key: apiKey.id,
            reason: closeCode === undefined ? end : `${end}, close code ${closeCode}`,
          });
        },
      },
    });
    return {
      status: "ok",
      response: JSON.stringify({ did, capabilities: CAPABILITIES, ...(takesOver && { took_over: true }) }),
      handler: agent,
      joined: () => {
        // Agents with the reply protocol use the topic of the assigned DID; older ones use the topic that they joined.
        if (request.did === undefined) channel.alias(`plugins:${did}`, request.replyProtocol);
        agent.bind(request.protocols);
        const about = { did, key: apiKey.id, protocols: request.protocols.slice(0, MAX_LOGGED_PROTOCOLS) };
        logger.debug({ ...about, replyProtocol: request.replyProtocol, mode: request.mode }, "joined");
        const kind = takesOver ? "took-over" : "joined";
        events.recorder?.record({ kind, did, key: apiKey.id, count: request.protocols.length, reason: about.protocols.join(" ") });
        if (takesOver) logger.info(about, "took a protocol of this DID over from another connection");
      },
    };
  }
}

/** Why an API key may not bind a DID. Safe to return: only the holder of the key reads it, and the rule is the key's own. */
function whyUnauthorized(apiKey: ApiKey, did: string | undefined): string {
  const { dids } = apiKey;
  if (did === undefined) return "this API key is assigned no DIDs: name the one to bind";
  if (dids === "any" || mayBind(apiKey, did)) return `${did} belongs to another API key`;
  const named = [...dids.slice(0, MAX_NAMED), ...(dids.length > MAX_NAMED ? [`${dids.length - MAX_NAMED} more`] : [])];
  return `this API key may bind ${named.join(", ") || "no DID"}, not ${did}`;
}
