import { createMessage, isJsonObject, protocolOf, replyTo, type Attachment, type JsonObject, type Message } from "@parley/core";
import { isForward, readForward } from "../federation/inbound/forward.ts";
import { reportProblem } from "../routing/respond/problem-report.ts";
import { deliveryId, readDeliveryId } from "./delivery-id.ts";
import { LiveDelivery } from "./live-delivery.ts";
import type { MediatedQueue, Queued, WaitingEnvelope } from "./mediated-queue.ts";
import type { Registrations } from "./registrations.ts";
import type { SharedLive } from "./shared-live.ts";

const COORDINATION = "https://didcomm.org/coordinate-mediation/3.0";
const PICKUP = "https://didcomm.org/messagepickup/3.0";
/** Most updates of one `recipient-update`. */
const MAX_UPDATES = 100;
/** Most envelopes of one `delivery`. */
const MAX_DELIVERED = 100;
/** Most ids of one `messages-received`. */
const MAX_RECEIVED = 1000;
/** Most DIDs of one page of `recipient`. */
const MAX_PAGE = 100;

/** Result of {@link Mediator.queue}. */
export type Forwarded = Queued | "unknown";

/** What a mediator's metrics show. */
export interface MediatorLoad {
  readonly registeredDids: number;
  /** Agents with live delivery. */
  readonly liveAgents: number;
  /** Envelopes that wait for their agents. */
  readonly waitingEnvelopes: number;
}

/** What a mediator needs of nodes that share their data with this one. */
export interface SharedMediation {
  readonly live: SharedLive;
  /** Number of envelopes that wait in the queues that this node looks after. */
  waiting(): number;
}

/** Options of a {@link Mediator}. */
export interface MediatorOptions {
  readonly did: string;
  readonly registrations: Registrations;
  readonly queue: MediatedQueue;
  readonly shared?: SharedMediation | undefined;
}

/** What a {@link Mediator} needs of its node, once that runs. */
export interface MediatorNode {
  /** Sends a message of the mediator. */
  send(message: Message): Promise<void>;
  /** Whether an agent may get a delivery now: it is connected, or on another node. */
  isReachable(agent: string): boolean;
  onFailure(error: unknown): void;
}

/**
 * A mediator: keeps encrypted messages for registered DIDs until their agents pick them up.
 *
 * @see {@link https://didcomm.org/coordinate-mediation/3.0/ | Coordinate Mediation 3.0}
 * @see {@link https://didcomm.org/messagepickup/3.0/ | Message Pickup 3.0}
 */
export class Mediator {
  readonly did: string;
  readonly #registrations: Registrations;
  readonly #queue: MediatedQueue;
  readonly #shared: SharedMediation | undefined;
  #live: LiveDelivery | undefined;

  constructor({ did, registrations, queue, shared }: MediatorOptions) {
    this.did = did;
    this.#registrations = registrations;
    this.#queue = queue;
    this.#shared = shared;
  }

  /** Called when the node can send. */
  start({ send, isReachable, onFailure }: MediatorNode): void {
    const live = new LiveDelivery({
      send: (agent, did, after) => this.#sendLive(send, { agent, did, after }),
      isReachable,
      onUnreachable: (agent) => void this.#shared?.live.release(agent).catch(onFailure),
      onFailure,
    });
    this.#live = live;
    this.#shared?.live.listen({
      onEnded: (agent) => live.stop(agent),
      onQueued: (did) => this.#queued(did),
      onDoubt: () => this.#lookAtQueues(live),
    });
  }

  /** What waits here, and for how many. Looks at each registered DID, in memory; nodes that share their data count what they look after. */
  load(): MediatorLoad {
    let waitingEnvelopes = this.#shared?.waiting() ?? 0;
    if (this.#shared === undefined) for (const did of this.#registrations.dids()) waitingEnvelopes += this.#queue.size(did);
    return { registeredDids: this.#registrations.size, liveAgents: this.#live?.size ?? 0, waitingEnvelopes };
  }

  /** Whether the mediator answers a message for a recipient. */
  handles({ type }: { readonly type: string }, recipient: string): boolean {
    if (recipient !== this.did) return false;
    const protocol = protocolOf(type);
    return protocol === COORDINATION || protocol === PICKUP || isForward({ type });
  }

  /**
   * Queues envelopes for a DID, and delivers them to its agent in live mode.
   *
   * @param expiresTime of the forward, in seconds since 1970.
   * @returns the first failure; those before it are queued, and recognized if they come again.
   * @throws StorageError `storage_failed`
   */
  async queue(did: string, envelopes: readonly string[], expiresTime: number | undefined): Promise<Forwarded> {
    // It may have just been registered at another node.
    if (this.#registrations.agentOf(did) === undefined) await this.#registrations.catchUp();
    const agent = this.#registrations.agentOf(did);
    if (agent === undefined) return "unknown";
    let result: Queued = "duplicate";
    for (const envelope of envelopes) {
      // In order.
      // oxlint-disable-next-line no-await-in-loop
      result = await this.#queue.add(did, envelope, expiresTime);
      if (result !== "queued" && result !== "duplicate") return result;
    }
    void this.#live?.queued(agent, did);
    this.#shared?.live.notify(agent, did);
    return result;
  }

  /** The response to a message that {@link handles} accepts. @throws StorageError `storage_failed` */
  async respond(message: Message): Promise<Message | undefined> {
    const { from, type } = message;
    if (isForward(message)) return this.#forward(message);
    if (from === undefined) return undefined;
    await this.#registrations.catchUp();
    switch (type) {
      case `${COORDINATION}/mediate-request`:
        return this.#reply(message, `${COORDINATION}/mediate-grant`, { routing_did: [this.did] });
      case `${COORDINATION}/recipient-update`:
        return this.#update(message, from);
      case `${COORDINATION}/recipient-query`:
        return this.#query(message, from);
      case `${PICKUP}/status-request`:
        return this.#status(message, from);
      case `${PICKUP}/delivery-request`:
        return this.#deliver(message, from);
      case `${PICKUP}/messages-received`:
        return this.#received(message, from);
      case `${PICKUP}/live-delivery-change`:
        return this.#changeLive(message, from);
      default:
        return this.#problem(message, "e.p.msg.unsupported", "This mediator does not handle {1}", [type]);
    }
  }

  async #forward(message: Message): Promise<Message | undefined> {
    const forward = readForward(message);
    if (forward === undefined)
      return this.#problem(message, "e.p.msg.malformed", "The forward has no next, or no messages that can be read");
    const result = await this.queue(forward.next, forward.envelopes, message.expiresTime);
    switch (result) {
      case "unknown":
        return this.#problem(message, "e.p.xfer.unknown-recipient", "{1} is not registered with this mediator", [forward.next]);
      case "full":
        return this.#problem(message, "e.p.me.res.storage", "Too many messages wait for {1}", [forward.next]);
      case "too_large":
        return this.#problem(message, "e.p.msg.too-large", "The message for {1} is too large for this mediator", [forward.next]);
      default:
        return undefined;
    }
  }

  async #update(message: Message, agent: string): Promise<Message | undefined> {
    const { updates } = message.body;
    if (!Array.isArray(updates) || updates.length > MAX_UPDATES) {
      return this.#problem(message, "e.p.msg.bad-body", "updates must be a list of at most {1} entries", [String(MAX_UPDATES)]);
    }
    const updated: JsonObject[] = [];
    for (const update of updates as readonly unknown[]) {
      const { recipient_did: did, action } = isJsonObject(update) ? update : {};
      // In order: a later entry may undo an earlier one.
      // oxlint-disable-next-line no-await-in-loop
      updated.push({ recipient_did: did, action, result: await this.#updateOne(agent, did, action) });
    }
    return this.#reply(message, `${COORDINATION}/recipient-update-response`, { updated });
  }

  async #updateOne(agent: string, did: unknown, action: unknown): Promise<string> {
    if (typeof did !== "string") return "client_error";
    if (action === "add") return this.#registrations.add(agent, did);
    if (action !== "remove") return "client_error";
    const result = await this.#registrations.remove(agent, did);
    if (result === "success") await this.#queue.drop(did);
    return result;
  }

  #query(message: Message, agent: string): Message {
    const { paginate } = message.body;
    const dids = this.#registrations.of(agent);
    const offset = isJsonObject(paginate) ? countOf(paginate["offset"], 0) : 0;
    const limit = Math.min(MAX_PAGE, isJsonObject(paginate) ? countOf(paginate["limit"], MAX_PAGE) : MAX_PAGE);
    const page = dids.slice(offset, offset + limit);
    return this.#reply(message, `${COORDINATION}/recipient`, {
      dids: page.map((did) => ({ recipient_did: did })),
      pagination: { count: page.length, offset, remaining: Math.max(0, dids.length - offset - page.length) },
    });
  }

  async #status(message: Message, agent: string): Promise<Message | undefined> {
    const { recipient_did: did } = message.body;
    if (typeof did === "string" && this.#registrations.agentOf(did) !== agent) {
      return this.#problem(message, "e.p.req.unknown-recipient", "{1} is not registered by {2}", [did, agent]);
    }
    const depths = await Promise.all(this.#didsOf(message, agent).map((registered) => this.#queue.depth(registered)));
    return this.#reply(message, `${PICKUP}/status`, {
      ...(typeof did === "string" && { recipient_did: did }),
      message_count: depths.reduce((sum, { messages }) => sum + messages, 0),
      total_bytes: depths.reduce((sum, { length }) => sum + length, 0),
      live_delivery: this.#live?.has(agent) === true || this.#shared?.live.isElsewhere(agent) === true,
    });
  }

  async #deliver(message: Message, agent: string): Promise<Message | undefined> {
    const { recipient_did: did, limit } = message.body;
    const count = Math.min(countOf(limit, 0), MAX_DELIVERED);
    if (count === 0) return this.#problem(message, "e.p.msg.bad-body", "limit must be a number from 1");
    for (const registered of this.#didsOf(message, agent)) {
      // The first queue with envelopes: a delivery has to fit into a message.
      // oxlint-disable-next-line no-await-in-loop
      const waiting = await this.#queue.read(registered, { limit: count });
      if (waiting.length === 0) continue;
      const body = typeof did === "string" ? { recipient_did: did } : {};
      return replyTo(message, this.did, { type: `${PICKUP}/delivery`, body, attachments: attachmentsOf(registered, waiting) });
    }
    return this.#status(message, agent);
  }

  async #received(message: Message, agent: string): Promise<Message | undefined> {
    const { message_id_list: ids } = message.body;
    if (!Array.isArray(ids) || ids.length > MAX_RECEIVED) {
      return this.#problem(message, "e.p.msg.bad-body", "message_id_list must be a list of at most {1} ids", [String(MAX_RECEIVED)]);
    }
    const seqs = new Map<string, number[]>();
    for (const id of ids as readonly unknown[]) {
      const read = readDeliveryId(id);
      if (read === undefined || this.#registrations.agentOf(read.did) !== agent) continue;
      seqs.set(read.did, [...(seqs.get(read.did) ?? []), read.seq]);
    }
    await Promise.all(Array.from(seqs, ([did, of]) => this.#queue.remove(did, of)));
    return this.#status(message, agent);
  }

  async #changeLive(message: Message, agent: string): Promise<Message | undefined> {
    const { live_delivery: isLive } = message.body;
    if (typeof isLive !== "boolean") return this.#problem(message, "e.p.msg.bad-body", "live_delivery must be true or false");
    if (!isLive) {
      this.#live?.stop(agent);
      await this.#shared?.live.release(agent);
    } else if (this.#live?.start(agent) !== true) {
      return this.#problem(message, "e.m.live-mode-not-supported", "Too many agents have live delivery");
    } else {
      await this.#shared?.live.claim(agent);
    }
    return this.#status(message, agent);
  }

  /** Another node has queued an envelope. */
  #queued(did: string): void {
    const agent = this.#registrations.agentOf(did);
    if (agent !== undefined) void this.#live?.queued(agent, did);
  }

  /** Notices of other nodes may have been lost. One queue after the other: each is a read. */
  async #lookAtQueues(live: LiveDelivery): Promise<void> {
    for (const agent of live.agents()) {
      // oxlint-disable-next-line no-await-in-loop
      for (const did of this.#registrations.of(agent)) await live.queued(agent, did);
    }
  }

  /** The DIDs that a request is about. */
  #didsOf({ body }: Message, agent: string): readonly string[] {
    const { recipient_did: did } = body;
    if (typeof did !== "string") return this.#registrations.of(agent);
    return this.#registrations.agentOf(did) === agent ? [did] : [];
  }

  async #sendLive(
    send: MediatorNode["send"],
    { agent, did, after }: { readonly agent: string; readonly did: string; readonly after: number },
  ): Promise<number | undefined> {
    const waiting = await this.#queue.read(did, { after, limit: MAX_DELIVERED });
    const last = waiting.at(-1)?.seq;
    if (last === undefined) return undefined;
    const attachments = attachmentsOf(did, waiting);
    await send(createMessage({ type: `${PICKUP}/delivery`, from: this.did, to: agent, body: { recipient_did: did }, attachments }));
    return last;
  }

  #reply(message: Message, type: string, body: JsonObject): Message {
    return replyTo(message, this.did, { type, body });
  }

  #problem(message: Message, code: string, comment: string, args: readonly string[] = []): Message | undefined {
    return reportProblem(message, this.did, code, comment, args);
  }
}

function attachmentsOf(did: string, waiting: readonly WaitingEnvelope[]): readonly Attachment[] {
  return waiting.map(({ seq, envelope }) => ({ id: deliveryId(did, seq), data: { base64: Buffer.from(envelope).toString("base64url") } }));
}

function countOf(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : fallback;
}
