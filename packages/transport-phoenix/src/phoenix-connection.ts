import {
  isJsonObject,
  RejectedError,
  NodeTransportError,
  type Connection,
  type ConnectionEvents,
  type ConnectOptions,
  type Delivery,
  type JsonObject,
  type Outcome,
  type SendOptions,
  type SendReceipt,
} from "@parley/core";
import { AsyncQueue, deferred } from "@parley/core/internal";
import { dispatchReply, PhoenixDelivery, type Settlement } from "./delivery.ts";
import { invalidFrame } from "./errors.ts";
import { awayOf, commentOf, excerptOfFrame, reasonOf, type Frame, type Reply } from "./frame.ts";
import type { PhoenixLink, TopicOwner } from "./phoenix-link.ts";
import { TopicJoin } from "./topic-join.ts";
import type { Settings } from "./options.ts";
import type { ReplyWaiter } from "./pending-replies.ts";

/** Ids in one `ack` frame. */
const MAX_ACKS_PER_FRAME = 512;

/** One DID on a {@link PhoenixLink}. */
export class PhoenixConnection implements Connection, TopicOwner, Settlement {
  readonly deliveries: AsyncQueue<Delivery> = new AsyncQueue();
  readonly #link: PhoenixLink;
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  readonly #topicJoin: TopicJoin;
  readonly #opened = deferred<void>();
  #phase: "connecting" | "open" | "ended" = "connecting";
  #closing: Promise<void> | undefined;
  #acks: string[] = [];

  constructor(link: PhoenixLink, options: ConnectOptions, settings: Settings) {
    this.#link = link;
    this.#settings = settings;
    this.#events = options.events;
    const { did, protocols, parent, keys } = options;
    this.#topicJoin = new TopicJoin(link, this, { did, protocols, parent, keys }, settings, {
      onJoined: (delegated) => this.#onJoined(delegated),
      onLost: (reason) => this.#onLost(reason),
      onEnded: (reason) => this.#onEnded(reason),
    });
    this.#topicJoin.join();
  }

  get did(): string {
    return this.#topicJoin.did ?? "";
  }

  get connected(): boolean {
    return this.#topicJoin.joined && this.#link.up;
  }

  get tookOver(): boolean {
    return this.#topicJoin.tookOver;
  }

  get announcesWalletChanges(): boolean {
    return this.#topicJoin.announcesWalletChanges;
  }

  get publishesKeys(): boolean {
    return this.#topicJoin.publishesKeys;
  }

  get clockOffsetMs(): number {
    return this.#link.clockOffsetMs;
  }

  /** Resolves when the node has accepted the DID. An abort leaves immediately. */
  async opened(signal: AbortSignal | undefined): Promise<void> {
    const abort = () => {
      if (this.#phase !== "connecting") return;
      this.#phase = "ended";
      void this.#depart();
      this.#opened.reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await this.#opened.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  send(plaintext: JsonObject, options: SendOptions = {}): Promise<SendReceipt> {
    return this.#push("message", plaintext, options);
  }

  async publishKeys(keys: JsonObject): Promise<void> {
    await this.#push("publish_keys", keys, {});
  }

  #push(event: string, content: JsonObject, { signal }: SendOptions): Promise<SendReceipt> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#phase === "ended") throw new NodeTransportError("closed", "The connection is closed");
      const { joinRef, topic } = this.#topicJoin;
      if (!this.connected || joinRef === undefined) throw new NodeTransportError("not_connected", "The link to the node is down");
      const push = { topic, event, payload: stringify(content), joinRef };
      const sending = new Sending(this, resolve, reject);
      const ref = this.#link.request(push, sending, this.#settings.timeouts.pushMs, this.#settings.limits.maxMessageLength);
      if (signal === undefined) return;
      sending.abortBy(signal, () => this.#link.forget(ref));
    });
  }

  settle(messageId: string, outcome: Outcome, acknowledge: Delivery["acknowledge"], joinRef: string): void {
    if (!this.connected || joinRef !== this.#topicJoin.joinRef) return;
    const batched = acknowledge === "first" || (outcome.status === "handled" && this.#topicJoin.batchesHandled);
    if (!batched) {
      this.#link.post({ topic: this.#topicJoin.topic, event: "dispatch_reply", payload: dispatchReply(messageId, outcome), joinRef });
      return;
    }
    // Acknowledgements of one turn of the event loop share a frame.
    if (this.#acks.push(messageId) === 1) process.nextTick(() => this.#flushAcks());
    else if (this.#acks.length >= MAX_ACKS_PER_FRAME) this.#flushAcks();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  onUp(): void {
    this.#topicJoin.join();
  }

  onDown(reason: NodeTransportError): void {
    this.#topicJoin.linkLost(reason);
  }

  onEnd(reason: NodeTransportError): void {
    this.#topicJoin.abandon();
    this.#onEnded(reason);
  }

  onFault(error: NodeTransportError, raw: unknown): void {
    if (this.#phase === "ended") return;
    this.#notify(() => this.#events.onFault(error, raw));
  }

  onFrame({ joinRef, event, payload }: Frame, raw: unknown): void {
    // A frame of an earlier join of the topic.
    if (joinRef !== null && joinRef !== this.#topicJoin.joinRef) return;
    if (event === "message") this.#onMessage(payload, raw);
    else if (event === "wallet_changed") this.#notify(() => this.#events.onWalletChange?.());
    else if (event === "delegated_credentials") this.#notify(() => this.#events.onDelegated?.(payload));
    else if (event === "phx_error") this.#topicJoin.crashed();
    else if (event === "phx_close") this.#topicJoin.closed();
    else this.#fault("The node sent an event that is not known", raw);
  }

  #onMessage(payload: JsonObject, raw: unknown): void {
    if (this.#phase === "ended") return;
    const { joined, joinRef, acknowledge } = this.#topicJoin;
    if (!joined || joinRef === undefined) {
      this.#fault("The node sent a message before it had answered the join", raw);
    } else if (payload["plaintext"] === undefined) {
      this.#fault("The node sent a message without a plaintext", raw);
    } else if (this.deliveries.size >= this.#settings.limits.maxQueuedDeliveries) {
      // It is not settled, so the node delivers it again.
      this.#fault("Too many deliveries wait to be handled; one was left to the node's redelivery", raw);
    } else {
      this.deliveries.push(new PhoenixDelivery(payload, acknowledge, joinRef, this));
    }
  }

  #onJoined(delegated: unknown): void {
    if (delegated !== undefined) this.#notify(() => this.#events.onDelegated?.(delegated));
    if (this.#phase === "connecting") {
      this.#phase = "open";
      this.#opened.resolve();
    } else {
      this.#notify(() => this.#events.onReconnect());
    }
  }

  #onLost(reason: NodeTransportError): void {
    this.#acks = [];
    this.#link.fail(this, reason);
    this.#notify(() => this.#events.onDisconnect(reason));
  }

  #onEnded(reason: NodeTransportError): void {
    const before = this.#phase;
    if (before === "ended") return;
    this.#phase = "ended";
    this.#acks = [];
    this.#link.fail(this, new NodeTransportError("disconnected", "The connection ended before the node answered", { cause: reason }));
    void this.#link.leave(this);
    if (before === "connecting") {
      this.#opened.reject(reason);
      return;
    }
    // All other reasons occur while the link is down, which has already been reported.
    if (reason.code === "taken_over") this.#notify(() => this.#events.onDisconnect(reason));
    this.deliveries.fail(reason);
  }

  async #close(): Promise<void> {
    if (this.#phase !== "ended") {
      this.#flushAcks();
      this.#phase = "ended";
      this.#link.fail(this, new NodeTransportError("closed", "The connection was closed"));
      this.deliveries.end();
    }
    await this.#depart();
  }

  async #depart(): Promise<void> {
    await this.#topicJoin.leave();
    await this.#link.leave(this);
  }

  #flushAcks(): void {
    const { joinRef, topic } = this.#topicJoin;
    const ids = this.#acks;
    if (ids.length === 0) return;
    this.#acks = [];
    if (this.connected && joinRef !== undefined) {
      this.#link.post({ topic, event: "ack", payload: JSON.stringify({ ids }), joinRef });
    }
  }

  #fault(message: string, raw: unknown): void {
    this.onFault(invalidFrame(message), excerptOfFrame(raw));
  }

  /** A listener must not throw; if it does, the link, which other connections share, stays usable. */
  #notify(listener: () => void): void {
    try {
      listener();
    } catch {
      // Errors of listeners have no listener of their own.
    }
  }
}

const NOTHING_SAID: SendReceipt = {};

/** A message that is waiting for the node's answer. */
class Sending implements ReplyWaiter {
  readonly owner: object;
  readonly #resolve: (receipt: SendReceipt) => void;
  readonly #reject: (error: unknown) => void;
  #unlisten: (() => void) | undefined;

  constructor(owner: object, resolve: (receipt: SendReceipt) => void, reject: (error: unknown) => void) {
    this.owner = owner;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** @param forget removes the push from the pending ones. */
  abortBy(signal: AbortSignal, forget: () => void): void {
    const onAbort = () => {
      forget();
      this.#reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unlisten = () => signal.removeEventListener("abort", onAbort);
  }

  onReply(reply: Reply): void {
    this.#unlisten?.();
    if (reply.status !== "ok") return this.#reject(rejection(reply));
    const away = awayOf(reply);
    this.#resolve(away === undefined ? NOTHING_SAID : { away });
  }

  onFailure(error: NodeTransportError): void {
    this.#unlisten?.();
    this.#reject(error);
  }
}

function rejection(reply: Reply): RejectedError {
  const reason = reasonOf(reply);
  const comment = commentOf(reply);
  const { code } = reply.response;
  const message = `The node refused the message: ${reason}${comment === undefined ? "" : ` (${comment})`}`;
  return new RejectedError("rejected", message, reason, typeof code === "string" ? code : undefined);
}

function stringify(plaintext: JsonObject): string {
  if (!isJsonObject(plaintext)) throw new NodeTransportError("write_failed", "A plaintext must be a JSON object");
  let text: string | undefined;
  try {
    text = JSON.stringify(plaintext);
  } catch (cause) {
    throw new NodeTransportError("write_failed", "The message can't be written as JSON", { cause });
  }
  if (text === undefined) throw new NodeTransportError("write_failed", "The message can't be written as JSON");
  return text;
}
