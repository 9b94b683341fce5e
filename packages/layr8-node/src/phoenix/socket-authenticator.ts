import { FairShare, RateLimiter } from "@parley/core/internal";
import type { Logger } from "pino";
import type { ApiKeys } from "../identity/api-keys.ts";
import type { Clock } from "../clock.ts";
import type { Dids } from "../identity/dids.ts";
import type { Metrics } from "../http/metrics.ts";
import type { NodeEvents } from "../node-events.ts";
import type { ChildWatchers } from "../delegation/child-watchers.ts";
import type { NodeLimits } from "../options.ts";
import type { AgentEvents } from "./agent-channel.ts";
import { AgentSocket, type AgentSocketShared } from "./agent-socket.ts";
import type { AuthenticatedSocket, UpgradeRejection } from "./phoenix-server.ts";
import type { UpgradeRequest } from "./upgrade.ts";
import type { Router } from "../routing/router.ts";
import type { SharedStorage } from "../stores.ts";

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
  readonly holdsAnything: (did: string) => Promise<boolean>;
  /** The keys of an agent that holds them itself may have changed. */
  readonly onKeysChanged: (did: string) => void;
  readonly logger: Logger;
  /** Returns a function that counts one frame received on a socket of an API key. */
  frameCounter(key: string): () => void;
  readonly children: ChildWatchers;
  readonly events: Pick<NodeEvents, "onRejectedKey" | "onFailure" | "recorder">;
  /** The other nodes that share the rates of API keys; absent on a single node. */
  readonly shared?: Pick<SharedStorage, "servers" | "isCutOff"> | undefined;
  /** Maximum number of sockets over all API keys. */
  readonly maxSockets: number;
}

/** Authenticates WebSocket connections by API key. Called by the Phoenix server. */
export class SocketAuthenticator {
  readonly #options: SocketAuthenticatorOptions;
  /** By API key. */
  readonly #sockets: FairShare;
  /** Count the frames of API keys with sockets. */
  readonly #frameCounters = new Map<string, () => void>();
  readonly #shared: AgentSocketShared;

  constructor(options: SocketAuthenticatorOptions) {
    const { maxSockets, limits, shared, router, clock, dids, domain, holdsAnything, logger, events } = options;
    const servers = shared?.servers;
    this.#options = options;
    this.#sockets = new FairShare({ total: maxSockets, perOwner: limits.maxConnectionsPerKey });
    const { maxPartialFrameBytes: total, maxFrameBytes } = limits;
    this.#shared = {
      dids,
      router,
      domain,
      holdsAnything,
      logger,
      events,
      messages: new RateLimiter({ perSecond: limits.messagesPerSecond, servers }),
      frames: new RateLimiter({ perSecond: limits.framesPerSecond, servers }),
      partial: new FairShare({ total, perOwner: Math.max(maxFrameBytes, total * PARTIAL_SHARE) }),
      channels: {
        router,
        maxLength: limits.maxMessageLength,
        clock,
        events: channelEvents(options),
        children: options.children,
        checkKeys: (did, keys) => dids.checkKeys(did, keys, false),
        publishKeys: async (did, keys) => {
          const isSet = await dids.setAgentKeys(did, keys);
          options.onKeysChanged(did);
          return isSet;
        },
      },
      onClosed: (key) => {
        if (this.#sockets.heldBy(key) === 0) this.#frameCounters.delete(key);
      },
    };
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
    return new AgentSocket(this.#shared, { apiKey, address, lease, countFrame: this.#frameCounter(apiKey.id) });
  }

  /** One for all sockets of an API key. */
  #frameCounter(key: string): () => void {
    let counter = this.#frameCounters.get(key);
    if (counter === undefined) {
      counter = this.#options.frameCounter(key);
      this.#frameCounters.set(key, counter);
    }
    return counter;
  }
}

/** Counts and logs what happens on the channels of all agents. */
function channelEvents({ metrics, logger, dids, events }: SocketAuthenticatorOptions): AgentEvents {
  return {
    onAccepted: () => metrics.accepted.inc(),
    onRejected: (did, { label, reason, code, comment }) => {
      metrics.refused.inc({ reason: label });
      logger.debug({ did, reason, code, comment }, "message refused");
    },
    onFailure: events.onFailure,
    onEnded: (did, key, end, closeCode) => {
      dids.touch(did);
      logger.debug({ did, end, closeCode }, "left");
      const reason = closeCode === undefined ? undefined : `close code ${closeCode}`;
      events.recorder?.record({ kind: "left", did, key, outcome: end, reason });
    },
  };
}
