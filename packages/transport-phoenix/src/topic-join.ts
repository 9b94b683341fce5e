import { RejectedError, NodeTransportError, type Delivery } from "@parley/core";
import { commentOf, reasonOf, type Reply } from "./frame.ts";
import { joinPayload, readGrant, topicOf, type JoinWishes } from "./join.ts";
import type { PhoenixLink, TopicOwner } from "./phoenix-link.ts";
import type { Settings } from "./options.ts";
import type { ReplyWaiter } from "./pending-replies.ts";
import { Backoff, isStaleBinding } from "./reconnect-policy.ts";

/** Events of a {@link TopicJoin}. */
export interface TopicJoinEvents {
  /** The node accepted the join: the first one, or one after a loss. */
  onJoined(delegated: unknown): void;
  /** The topic is lost; it is joined again. */
  onLost(reason: NodeTransportError): void;
  /** The topic is lost and not joined again, or the first join failed. */
  onEnded(reason: NodeTransportError): void;
}

/** Ignores the answer to a leave. */
const IGNORED: ReplyWaiter = { owner: {}, onReply() {}, onFailure() {} };

/**
 * One DID's topic on a link: joins it, joins it again after losses, leaves it. The DID stays the same: if the node assigned one on
 * `plugins:`, later joins name it.
 */
export class TopicJoin {
  readonly #link: PhoenixLink;
  readonly #settings: Settings;
  readonly #events: TopicJoinEvents;
  readonly #wanted: JoinWishes;
  readonly #backoff: Backoff;
  /** The owner of the topics on the link. */
  readonly #owner: TopicOwner;
  #state: "idle" | "joining" | "joined" | "ended" = "idle";
  #topic: string;
  #did: string | undefined;
  #joinRef: string | undefined;
  #acknowledge: Delivery["acknowledge"] = "first";
  #batchesHandled = false;
  #tookOver = false;
  #announcesWalletChanges = false;
  #publishesKeys = false;
  #everJoined = false;
  #joinedAt = 0;
  #lostAt = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(link: PhoenixLink, owner: TopicOwner, wanted: JoinWishes, settings: Settings, events: TopicJoinEvents) {
    this.#link = link;
    this.#owner = owner;
    this.#settings = settings;
    this.#events = events;
    this.#backoff = new Backoff(settings.backoff);
    this.#did = wanted.did;
    this.#topic = topicOf(wanted.did);
    this.#wanted = wanted;
    link.claim(this.#topic, owner);
  }

  get joined(): boolean {
    return this.#state === "joined";
  }

  get did(): string | undefined {
    return this.#did;
  }

  get topic(): string {
    return this.#topic;
  }

  /** The ref of the current join. */
  get joinRef(): string | undefined {
    return this.#joinRef;
  }

  get acknowledge(): Delivery["acknowledge"] {
    return this.#acknowledge;
  }

  /** Whether one `ack` may name several messages with the outcome "handled". */
  get batchesHandled(): boolean {
    return this.#batchesHandled;
  }

  /** Whether the first join took protocols from another connection. Later ones may take them from this one's own broken link. */
  get tookOver(): boolean {
    return this.#tookOver;
  }

  get announcesWalletChanges(): boolean {
    return this.#announcesWalletChanges;
  }

  get publishesKeys(): boolean {
    return this.#publishesKeys;
  }

  /** Joins the topic. Called when the link is up. */
  join(): void {
    if (this.#state !== "idle" || !this.#link.up) return;
    this.#state = "joining";
    if (this.#did !== undefined && this.#topic !== topicOf(this.#did)) {
      // Joining `plugins:` again would assign another DID.
      this.#link.release(this.#topic, this.#owner);
      this.#topic = topicOf(this.#did);
    }
    const moment = { nowMs: this.#nodeNow(), isExtended: this.#link.readsExtensions };
    const payload = joinPayload(this.#wanted, this.#settings.didSpec, moment);
    this.#joinRef = this.#link.request(
      { topic: this.#topic, event: "phx_join", payload },
      { owner: this, onReply: (reply) => this.#onReply(reply), onFailure: (error) => this.#onNoReply(error) },
      this.#settings.timeouts.joinMs,
    );
  }

  /** The link broke. */
  linkLost(reason: NodeTransportError): void {
    if (this.#state === "ended") return;
    clearTimeout(this.#retry);
    if (!this.#everJoined) {
      this.#end(new NodeTransportError("connect_failed", "The link to the node broke before it answered the join", { cause: reason }));
      return;
    }
    const wasJoined = this.#state === "joined";
    this.#state = "idle";
    this.#backoff.reset();
    if (wasJoined) this.#lost(reason);
  }

  /** The node's `phx_error`: the topic crashed there. */
  crashed(): void {
    if (this.#state === "joined") {
      this.#state = "idle";
      this.#backoff.lostAfter(performance.now() - this.#joinedAt);
      this.#scheduleRetry();
      this.#lost(new NodeTransportError("disconnected", "The channel crashed at the node"));
    } else if (this.#state === "joining") {
      this.#link.fail(this, new NodeTransportError("disconnected", "The channel crashed at the node while joining"));
    }
  }

  /** The node's `phx_close`: another connection has taken the topic over. */
  closed(): void {
    if (this.#state === "joined") this.#end(new NodeTransportError("taken_over", `Another connection has taken ${this.#did} over`));
    else if (this.#state === "joining")
      this.#link.fail(this, new NodeTransportError("disconnected", "The node closed the channel while joining"));
  }

  /** Leaves the topic. Resolves when the node has answered, or on timeout. */
  leave(): Promise<void> {
    const present = this.#state === "joined" || this.#state === "joining";
    this.#stop();
    if (!present) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => resolve();
      this.#postLeave({ owner: this, onReply: done, onFailure: done });
    });
  }

  /** Stops without a leave. */
  abandon(): void {
    this.#stop();
  }

  #onReply(reply: Reply): void {
    if (this.#state !== "joining") return;
    if (reply.status !== "ok") {
      this.#refused(reasonOf(reply), commentOf(reply));
      return;
    }
    const grant = readGrant(reply);
    const did = grant.did ?? this.#did;
    if (did === undefined) {
      this.#decline(new NodeTransportError("connect_failed", "The node accepted the join but assigned no DID"));
      return;
    }
    if (this.#everJoined && did !== this.#did) {
      const reason = "another DID was given";
      this.#decline(new RejectedError("join_refused", `The node did not give the DID back: ${reason}`, reason));
      return;
    }
    this.#did = did;
    this.#acknowledge = grant.acknowledge;
    this.#batchesHandled = grant.batchesHandled;
    this.#announcesWalletChanges = grant.announcesWalletChanges;
    this.#publishesKeys = grant.publishesKeys;
    if (!this.#everJoined) this.#tookOver = grant.tookOver;
    this.#state = "joined";
    this.#everJoined = true;
    this.#joinedAt = performance.now();
    // Newer nodes use the DID's own topic after assigning it.
    this.#link.claim(topicOf(did), this.#owner);
    this.#events.onJoined(grant.delegated);
  }

  #refused(reason: string, comment: string | undefined): void {
    if (this.#everJoined && isStaleBinding(reason, performance.now() - this.#lostAt)) {
      this.#state = "idle";
      this.#scheduleRetry();
    } else {
      const text = `The node at ${this.#link.label} refused ${this.#did ?? "to assign a DID"}: ${reason}`;
      const remedy = reason === "unauthorized" ? "the API key may not use this DID" : undefined;
      const more = comment ?? remedy;
      this.#end(new RejectedError("join_refused", more === undefined ? text : `${text} (${more})`, reason));
    }
  }

  #onNoReply(error: NodeTransportError): void {
    // A broken link is handled by linkLost, which is called next.
    if (this.#state !== "joining" || !this.#link.up) return;
    // If the node has accepted the join after all, the leave releases the DID.
    const unanswered = new NodeTransportError(
      "connect_failed",
      `The node at ${this.#link.label} did not answer the join of ${this.#did ?? "an assigned DID"} within ${this.#settings.timeouts.joinMs} ms`,
      { cause: error },
    );
    if (!this.#everJoined) {
      this.#decline(unanswered);
      return;
    }
    this.#postLeave(IGNORED);
    this.#state = "idle";
    this.#scheduleRetry();
  }

  #nodeNow(): number {
    return Date.now() + this.#link.clockOffsetMs;
  }

  /** Leaves a topic that the node may have granted, and ends. */
  #decline(reason: NodeTransportError): void {
    this.#postLeave(IGNORED);
    this.#end(reason);
  }

  #postLeave(waiter: ReplyWaiter): void {
    if (!this.#link.up) {
      waiter.onFailure(new NodeTransportError("not_connected", "The link to the node is down"));
      return;
    }
    // Without the join's ref a Phoenix server ignores the leave, and the DID would stay bound.
    const push = { topic: this.#topic, event: "phx_leave", payload: "{}", ...(this.#joinRef !== undefined && { joinRef: this.#joinRef }) };
    this.#link.request(push, waiter, this.#settings.timeouts.leaveMs);
  }

  #scheduleRetry(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.join(), this.#backoff.next());
  }

  #lost(reason: NodeTransportError): void {
    this.#lostAt = performance.now();
    this.#events.onLost(reason);
  }

  #end(reason: NodeTransportError): void {
    this.#stop();
    this.#events.onEnded(reason);
  }

  #stop(): void {
    clearTimeout(this.#retry);
    this.#state = "ended";
  }
}
