import type { FairShare, FairShareLease, RateLimiter } from "@parley/core/internal";
import type { Logger } from "pino";
import { mayBind, type ApiKey } from "../identity/api-keys.ts";
import type { Dids } from "../identity/dids.ts";
import { reasonOf } from "../identity/identity-error.ts";
import type { JoinKeysResult } from "../identity/join-keys.ts";
import type { NodeEvents } from "../node-events.ts";
import { MAX_PROTOCOLS } from "../routing/respond/builtin-protocols.ts";
import type { Router, SenderAccount } from "../routing/router.ts";
import { AgentChannel, type AgentChannelShared } from "./agent-channel.ts";
import { checkParent } from "../delegation/check-parent.ts";
import { errorReply, type Channel, type Joined } from "./channel.ts";
import { readJoin, type JoinRequest } from "./join-request.ts";
import type { AuthenticatedSocket } from "./phoenix-server.ts";

/**
 * Capabilities in every join reply. Three are Parley extensions. `batch_ack/1`: one `ack` with many ids stands for that many `dispatch_reply` events
 * with outcome `handled`. `agent_keys/1`: agents may hold their keys themselves. `wallet_watch/1`: the node pushes changes of the stored credentials to
 * agents that have asked for it.
 */
const CAPABILITIES = [
  "reply_protocol/1",
  "wildcard/1",
  "batch_ack/1",
  "ephemeral_delegation/1",
  "agent_keys/1",
  "ephemeral_delegation_refresh/1",
  "wallet_watch/1",
];

/** Limits on what a log line shows: characters of a topic, protocols of a join. */
const MAX_LOGGED = 256;
const MAX_LOGGED_PROTOCOLS = 16;
/** Entries of an API key's rule that a rejection names. */
const MAX_NAMED = 5;

const HELD_HERE: JoinKeysResult = { ok: true, keys: undefined };
const UNAUTHORIZED = reasonOf("did_not_allowed");

type Refusal = Extract<JoinKeysResult, { readonly ok: false }>["refusal"];

/** Result of admitting an agent to a DID. `reason` is for the wire, `comment` for people. */
type Admitted =
  | { readonly ok: true; readonly did: string }
  | { readonly ok: false; readonly reason: string; readonly comment: string | undefined };

const KEYS_JUST_SET: Admitted = {
  ok: false,
  reason: "e.join.keys.changed",
  comment: "another connection has set other keys of this DID in this moment",
};

/** What the sockets of all API keys have in common. */
export interface AgentSocketShared {
  readonly dids: Dids;
  readonly router: Router;
  readonly domain: string;
  /** Whether messages or credentials of a DID are stored. */
  readonly holdsAnything: (did: string) => Promise<boolean>;
  readonly logger: Logger;
  readonly events: Pick<NodeEvents, "recorder">;
  /** Rates by API key: messages in units of work, and frames of any kind. */
  readonly messages: RateLimiter;
  readonly frames: RateLimiter;
  /** Bytes of incomplete messages, by API key. */
  readonly partial: FairShare;
  readonly channels: AgentChannelShared;
  /** Called when a socket of an API key has closed. */
  onClosed(key: string): void;
}

/** Options of {@link AgentSocket}. */
export interface AgentSocketOptions {
  readonly apiKey: ApiKey;
  /** The client's address, for the log. */
  readonly address: string;
  /** Released when the socket closes. */
  readonly lease: FairShareLease;
  /** Counts one frame. */
  readonly countFrame: () => void;
}

/** One socket of an API key, which is charged for it. Authorizes the DIDs that are bound on it, and creates their channels. */
export class AgentSocket implements AuthenticatedSocket, SenderAccount {
  readonly #shared: AgentSocketShared;
  readonly #apiKey: ApiKey;
  readonly #address: string;
  readonly #lease: FairShareLease;

  readonly #countFrame: () => void;

  constructor(shared: AgentSocketShared, { apiKey, address, lease, countFrame }: AgentSocketOptions) {
    this.#shared = shared;
    this.#apiKey = apiKey;
    this.#address = address;
    this.#lease = lease;
    this.#countFrame = countFrame;
  }

  get owner(): string {
    return this.#apiKey.id;
  }

  charge(units: number): number {
    if (units > 0) this.#countFrame();
    return this.#shared.frames.take(this.owner, units);
  }

  hold(bytes: number): FairShareLease | undefined {
    return this.#shared.partial.tryAcquire(this.owner, bytes);
  }

  takeUnits(units: number): boolean {
    return this.#shared.messages.tryTake(this.owner, units);
  }

  onClose(): void {
    this.#shared.logger.debug({ key: this.owner, address: this.#address }, "disconnected");
    this.#lease.release();
    this.#shared.onClosed(this.owner);
  }

  async join(topic: string, payload: string, channel: Channel): Promise<Joined> {
    const { dids, router, domain, logger, events } = this.#shared;
    const read = readJoin(topic, payload);
    if (!read.ok) return this.#refuse(topic, read.reason);
    const request = read.join;
    const { parent } = request;
    if (parent !== undefined) {
      const refusal = checkParent({ did: request.did, parent, storage: request.storage }, { dids, apiKey: this.#apiKey, domain });
      if (refusal !== undefined) return this.#refuse(topic, refusal.code, refusal.comment);
    }
    const admitted = await this.#admit(request);
    if (!admitted.ok) return this.#refuse(topic, admitted.reason, admitted.comment);
    const { did } = admitted;
    const { count, takesOver } = await router.mailboxes.preview(did, request.protocols, channel.replaces);
    if (count > MAX_PROTOCOLS) {
      return this.#refuse(topic, `too many protocols: all connections of ${did} may bind ${MAX_PROTOCOLS} together`);
    }
    const agent = new AgentChannel({ did, channel, join: request, account: this, shared: this.#shared.channels });
    const delegated = parent === undefined ? undefined : await this.#delegate(agent, parent, request);
    return {
      status: "ok",
      response: JSON.stringify({ did, capabilities: CAPABILITIES, ...(takesOver && { took_over: true }), ...delegated }),
      handler: agent,
      joined: () => {
        // Agents with the reply protocol use the topic of the assigned DID; older ones use the topic that they joined.
        if (request.did === undefined) channel.alias(`plugins:${did}`, request.replyProtocol);
        agent.bind(request.protocols);
        const about = { did, key: this.owner, protocols: request.protocols.slice(0, MAX_LOGGED_PROTOCOLS) };
        logger.debug({ ...about, replyProtocol: request.replyProtocol, mode: request.mode }, "joined");
        const kind = takesOver ? "took-over" : "joined";
        events.recorder?.record({ kind, did, key: this.owner, count: request.protocols.length, reason: about.protocols.join(" ") });
        if (takesOver) logger.info(about, "took a protocol of this DID over from another connection");
      },
    };
  }

  /** Admits the agent to its DID, which is created if necessary, and publishes the keys that it holds itself. */
  async #admit(request: JoinRequest): Promise<Admitted> {
    const { dids, domain, holdsAnything, channels } = this.#shared;
    if (this.#mayNotBind(request)) return { ok: false, reason: UNAUTHORIZED, comment: whyUnauthorized(this.#apiKey, request.did) };
    const checked = await this.#checkKeys(request);
    if (!checked.ok) return refusedFor(checked.refusal);
    const admitted = await dids.admit(this.#apiKey, { ...request, agentKeys: checked.keys }, domain, holdsAnything);
    if (!admitted.ok) {
      const { reason } = admitted;
      return { ok: false, reason, comment: reason === UNAUTHORIZED ? whyUnauthorized(this.#apiKey, request.did) : undefined };
    }
    // Another connection may have created the DID in the meantime, with other keys or with those of the node.
    const holding = await this.#checkKeys(request);
    if (!holding.ok) return refusedFor(holding.refusal);
    if (holding.keys !== undefined && !(await channels.publishKeys(admitted.did, holding.keys))) return KEYS_JUST_SET;
    return admitted;
  }

  /** Checked before the keys: the refusal would disclose to other API keys where the DID's keys are. */
  #mayNotBind({ did }: JoinRequest): boolean {
    const { dids } = this.#shared;
    return did !== undefined && dids.has(did) && !dids.permits(this.#apiKey, did);
  }

  /** Checks the keys of an agent that holds them itself, and that it joins as it did before. */
  async #checkKeys({ did, keys, mode, parent }: JoinRequest): Promise<JoinKeysResult> {
    const { dids } = this.#shared;
    if (keys === undefined && (did === undefined || !dids.keysAtAgent(did))) return HELD_HERE;
    if (did === undefined) return invalidKeys("an agent that holds its keys itself names its DID");
    if (keys !== undefined && parent !== undefined) return invalidKeys("the node holds the keys of a DID with a parent");
    return dids.checkKeys(did, keys, mode === "Update");
  }

  /** The grants that a child borrows, as the reply to its join has them. */
  async #delegate(agent: AgentChannel, parent: string, { refreshesDelegation }: JoinRequest): Promise<object> {
    if (refreshesDelegation) agent.watchParent(parent);
    const { status, credentials } = await this.#shared.channels.children.read(parent, agent.did);
    return { delegated_credentials: { status, revision: 0, credentials } };
  }

  #refuse(topic: string, reason: string, comment?: string): Joined {
    const { logger, events } = this.#shared;
    logger.debug({ key: this.owner, topic: topic.slice(0, MAX_LOGGED), reason, comment }, "join refused");
    events.recorder?.record({ kind: "join-refused", did: topic.slice(0, MAX_LOGGED), key: this.owner, reason: comment ?? reason });
    return { ...errorReply(reason, { ...(comment !== undefined && { comment }) }), status: "error" };
  }
}

function refusedFor({ code: reason, comment }: Refusal): Admitted {
  return { ok: false, reason, comment };
}

/** Why an API key may not bind a DID. Safe to return: only the holder of the key reads it, and the rule is the key's own. */
function whyUnauthorized(apiKey: ApiKey, did: string | undefined): string {
  const { dids } = apiKey;
  if (did === undefined) return "this API key is assigned no DIDs: name the one to bind";
  if (dids === "any" || mayBind(apiKey, did)) return `${did} belongs to another API key`;
  const named = [...dids.slice(0, MAX_NAMED), ...(dids.length > MAX_NAMED ? [`${dids.length - MAX_NAMED} more`] : [])];
  return `this API key may bind ${named.join(", ") || "no DID"}, not ${did}`;
}

function invalidKeys(comment: string): JoinKeysResult {
  return { ok: false, refusal: { code: "e.join.keys.invalid", comment } };
}
