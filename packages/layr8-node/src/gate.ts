import type { ApiKey, ApiKeys } from "./identity/api-keys.ts";
import type { Dids } from "./identity/dids.ts";
import type { Metrics } from "./http/metrics.ts";
import type { NodeLimits } from "./options.ts";
import { refusal, type Channel, type Joined } from "./phoenix/channel.ts";
import type { Admitted, UpgradeRefusal } from "./phoenix/phoenix-server.ts";
import { RateLimit } from "./phoenix/rate-limit.ts";
import type { UpgradeRequest } from "./phoenix/upgrade.ts";
import { AgentChannel } from "./routing/agent-channel.ts";
import { readJoin } from "./routing/join-request.ts";
import type { Router } from "./routing/router.ts";

/**
 * What a node tells every agent that it can do. `batch_ack/1` is Parley's own: beside `dispatch_reply`, one `ack` with many ids stands
 * for as many outcomes "handled".
 */
const CAPABILITIES = ["reply_protocol/1", "wildcard/1", "batch_ack/1"];

/** What the gate asks. */
export interface GateOptions {
  readonly apiKeys: ApiKeys;
  readonly dids: Dids;
  readonly router: Router;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly domain: string;
}

/** What the sockets of one API key have in common. */
interface KeyUse {
  sockets: number;
  readonly rate: RateLimit;
}

/** Lets agents in: an API key opens a socket, and says which DIDs may be bound on it. */
export class Gate {
  readonly #options: GateOptions;
  readonly #uses = new Map<string, KeyUse>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  admit(request: UpgradeRequest): Admitted | UpgradeRefusal {
    const { apiKeys, limits } = this.#options;
    const apiKey = request.apiKey === undefined ? undefined : apiKeys.find(request.apiKey);
    if (apiKey === undefined) return 403;
    const use = this.#uses.get(apiKey.id) ?? { sockets: 0, rate: new RateLimit(limits.messagesPerSecond, Date.now) };
    if (use.sockets >= limits.maxConnectionsPerKey) return 429;
    use.sockets += 1;
    this.#uses.set(apiKey.id, use);
    return {
      owner: apiKey.id,
      join: (topic, payload, channel) => this.#join(apiKey, use, topic, payload, channel),
      onClose: () => {
        use.sockets -= 1;
        if (use.sockets === 0) this.#uses.delete(apiKey.id);
      },
    };
  }

  async #join(apiKey: ApiKey, use: KeyUse, topic: string, payload: string, channel: Channel): Promise<Joined> {
    const { dids, router, metrics, limits, domain } = this.#options;
    const request = readJoin(topic, payload);
    if (typeof request === "string") return { ...refusal(request), status: "error" };
    const admitted = await dids.admit(apiKey, request, domain);
    if ("refused" in admitted) return { ...refusal(admitted.refused), status: "error" };
    const { did } = admitted;
    const tookOver = router.wouldTakeOver(did, request.protocols, channel.replaces);
    const agent = new AgentChannel({
      did,
      channel,
      join: request,
      router,
      maxLength: limits.maxMessageLength,
      takeToken: () => use.rate.take(),
      events: {
        onAccepted: () => metrics.accepted.inc(),
        onRefused: ({ label }) => metrics.refused.inc({ reason: label }),
        onEnded: () => dids.touch(did),
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
      },
    };
  }
}
