import { RejectedError, TransportError, type Delivery } from "@parley/core";
import { backoffMs } from "@parley/core/internal";
import { reasonOf, type Reply } from "./frame.ts";
import { joinPayload, readGrant, topicOf } from "./join.ts";
import type { Link, LinkMember } from "./link.ts";
import type { Settings } from "./options.ts";
import type { ReplyWaiter } from "./pending-replies.ts";
import { isStaleBinding } from "./reconnect-policy.ts";

/** What a membership tells its connection. */
export interface MembershipEvents {
  /** The node accepted the join: the first one, or one after a loss. */
  onJoined(): void;
  /** The topic is lost for now. */
  onLost(reason: TransportError): void;
  /** The topic is lost for good, or was never won. */
  onEnded(reason: TransportError): void;
}

/**
 * One DID's topic on a link: joins it, joins it again after losses, leaves it. The DID stays the same: where the node assigned one on
 * `plugins:`, later joins name it.
 */
export class Membership {
  readonly #link: Link;
  readonly #settings: Settings;
  readonly #events: MembershipEvents;
  readonly #payload: string;
  /** Who occupies topics on the link. */
  readonly #owner: LinkMember;
  #state: "idle" | "joining" | "joined" | "ended" = "idle";
  #topic: string;
  #did: string | undefined;
  #joinRef: string | undefined;
  #acknowledge: Delivery["acknowledge"] = "first";
  #everJoined = false;
  #attempts = 0;
  #lostAt = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    link: Link,
    owner: LinkMember,
    wanted: { readonly did: string | undefined; readonly protocols: readonly string[] },
    settings: Settings,
    events: MembershipEvents,
  ) {
    this.#link = link;
    this.#owner = owner;
    this.#settings = settings;
    this.#events = events;
    this.#did = wanted.did;
    this.#topic = topicOf(wanted.did);
    this.#payload = joinPayload(wanted.protocols, wanted.did === undefined, settings.didSpec);
    link.occupy(this.#topic, owner);
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

  /** Identifies the current stay on the topic. */
  get joinRef(): string | undefined {
    return this.#joinRef;
  }

  get acknowledge(): Delivery["acknowledge"] {
    return this.#acknowledge;
  }

  /** Asks the node for the topic. For when the link is up. */
  join(): void {
    if (this.#state !== "idle" || !this.#link.up) return;
    this.#state = "joining";
    if (this.#did !== undefined && this.#topic !== topicOf(this.#did)) {
      // Joined again, the shared topic would assign another DID.
      this.#link.vacate(this.#topic, this.#owner);
      this.#topic = topicOf(this.#did);
    }
    this.#joinRef = this.#link.request(
      { topic: this.#topic, event: "phx_join", payload: this.#payload },
      { owner: this, onReply: (reply) => this.#onReply(reply), onFailure: (error) => this.#onNoReply(error) },
      this.#settings.timeouts.joinMs,
    );
  }

  /** The link broke. */
  linkLost(reason: TransportError): void {
    if (this.#state === "ended") return;
    clearTimeout(this.#retry);
    if (!this.#everJoined) {
      this.#end(new TransportError("connect_failed", "The link to the node broke before it answered the join", { cause: reason }));
      return;
    }
    const wasJoined = this.#state === "joined";
    this.#state = "idle";
    this.#attempts = 0;
    if (wasJoined) this.#lost(reason);
  }

  /** The node's `phx_error`: the topic crashed there. */
  crashed(): void {
    if (this.#state === "joined") {
      this.#state = "idle";
      this.#attempts = 0;
      this.#scheduleRetry();
      this.#lost(new TransportError("disconnected", "The channel crashed at the node"));
    } else if (this.#state === "joining") {
      this.#link.fail(this, new TransportError("disconnected", "The channel crashed at the node while joining"));
    }
  }

  /** The node's `phx_close`: somebody else has the topic now. */
  closed(): void {
    if (this.#state === "joined") this.#end(new TransportError("taken_over", "Another connection took this DID's place"));
    else if (this.#state === "joining")
      this.#link.fail(this, new TransportError("disconnected", "The node closed the channel while joining"));
  }

  /** Leaves the topic; resolves when the node has answered, or won't. */
  leave(): Promise<void> {
    const present = this.#state === "joined" || this.#state === "joining";
    this.#stop();
    if (!present || !this.#link.up) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => resolve();
      this.#postLeave({ owner: this, onReply: done, onFailure: done });
    });
  }

  /** Nothing more comes of this membership. */
  abandon(): void {
    this.#stop();
  }

  #onReply(reply: Reply): void {
    if (this.#state !== "joining") return;
    if (reply.status !== "ok") {
      this.#refused(reasonOf(reply));
      return;
    }
    const grant = readGrant(reply);
    const did = this.#did ?? grant.did;
    if (did === undefined) {
      this.#end(new TransportError("connect_failed", "The node accepted the join but assigned no DID"));
      return;
    }
    if (this.#everJoined && grant.did !== undefined && grant.did !== this.#did) {
      this.#refused("the node gave another DID");
      return;
    }
    this.#did = grant.did ?? did;
    this.#acknowledge = grant.acknowledge;
    this.#state = "joined";
    this.#everJoined = true;
    // Newer nodes speak on the DID's own topic after assigning it.
    this.#link.occupy(topicOf(this.#did), this.#owner);
    this.#events.onJoined();
  }

  #refused(reason: string): void {
    if (this.#everJoined && isStaleBinding(reason, performance.now() - this.#lostAt)) {
      this.#state = "idle";
      this.#scheduleRetry();
    } else {
      this.#end(new RejectedError("join_refused", `The node refused the join: ${reason}`, reason));
    }
  }

  #onNoReply(error: TransportError): void {
    // A broken link is told apart in linkLost, which follows.
    if (this.#state !== "joining" || !this.#link.up) return;
    // Should the node have joined us after all, it must not keep the DID bound to nobody.
    this.#postLeave({ owner: this, onReply() {}, onFailure() {} });
    if (this.#everJoined) {
      this.#state = "idle";
      this.#scheduleRetry();
    } else {
      this.#end(new TransportError("connect_failed", "The node did not answer the join", { cause: error }));
    }
  }

  #postLeave(waiter: ReplyWaiter): void {
    // Without the join's ref a Phoenix server ignores the leave, and the DID stays bound.
    const push = { topic: this.#topic, event: "phx_leave", payload: "{}", ...(this.#joinRef !== undefined && { joinRef: this.#joinRef }) };
    this.#link.request(push, waiter, this.#settings.timeouts.leaveMs);
  }

  #scheduleRetry(): void {
    this.#attempts += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.join(), backoffMs(this.#attempts, this.#settings.backoff));
  }

  #lost(reason: TransportError): void {
    this.#lostAt = performance.now();
    this.#events.onLost(reason);
  }

  #end(reason: TransportError): void {
    this.#stop();
    this.#events.onEnded(reason);
  }

  #stop(): void {
    clearTimeout(this.#retry);
    this.#state = "ended";
  }
}
