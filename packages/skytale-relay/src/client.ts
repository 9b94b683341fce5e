import type { ParleyError } from "@parley/core";
import { abortable, deferred, type Deferred, rejectUnknownOptions } from "@parley/core/internal";
import { Code } from "../gen/skytale/relay/v1/relay_pb.js";
import * as calls from "./calls.ts";
import type { ChannelHead, MessageRange, RelayWelcome } from "./calls.ts";
import { checkChannel, checkName, checkSequence } from "./check.ts";
import {
  checkOptions,
  readLimits,
  type RelayClientEvents,
  type RelayClientLimits,
  type RelayClientOptions,
  transportOf,
} from "./client-options.ts";
import { Connector } from "./connector.ts";
import type { Link } from "./link.ts";
import { outgoingMessage, outgoingWelcome, type PublishMessage, type PublishWelcome } from "./outgoing.ts";
import { type Published, Publisher } from "./publisher.ts";
import { RangeGoneError, RelayError, type RelayErrorCode } from "./relay-error.ts";
import { type SubscribeOptions, Subscription } from "./subscription.ts";
import { TokenSource } from "./token-source.ts";
import type { RelayTransport, UnaryMethod } from "./transport.ts";
import type { ServerFrame, SubscriptionEnded } from "./wire/server-frame.ts";

/** Options of what waits for the relay. */
export interface WaitOptions {
  /** Stops waiting. What was to be done may have been done already. */
  readonly signal?: AbortSignal;
}

/** Options of {@link RelayClient.publish}. */
export interface PublishOptions extends WaitOptions {
  /** Without a link: `"wait"` for one, or `"fail"` at once with `unavailable`. Default `"wait"`. */
  readonly offline?: "wait" | "fail";
}

/** Until the relay has said what it takes. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024;
/** Before a subscription that the relay could not serve is tried again, in milliseconds. */
const RESUBSCRIBE_MS = 1000;

/** Why a subscription ended that the relay will not take again. */
const FINAL: Partial<Record<Code, RelayErrorCode>> = {
  [Code.PERMISSION_DENIED]: "permission_denied",
  [Code.INVALID_ARGUMENT]: "invalid_argument",
};

/**
 * A client of a relay: publishes to channels, subscribes to them, and reads what they hold. It connects when it is first needed, and comes
 * back by itself when the link is lost: subscriptions go on without gap or duplicate, and what was not acknowledged is published again.
 *
 * @example
 * ```ts
 * import { RelayClient } from "@parley/skytale-relay";
 *
 * await using client = new RelayClient({ url: "http://localhost:5000", token: async () => "a JWT from the API server" });
 * const messages = client.subscribe("acme/team/general", { from: 1 });
 * const { sequence } = await client.publish("acme/team/general", { kind: "application", epoch: 1n, payload: new Uint8Array([1, 2, 3]) });
 * for await (const message of messages) if (message.sequence === sequence) break;
 * ```
 */
export class RelayClient implements AsyncDisposable {
  readonly #transport: RelayTransport;
  readonly #limits: RelayClientLimits;
  readonly #events: Partial<RelayClientEvents>;
  readonly #tokens: TokenSource;
  readonly #connector: Connector;
  readonly #publisher: Publisher;
  readonly #subscriptions = new Set<Subscription>();
  /** Channels that are subscribed to. A relay takes one subscription of each. */
  readonly #channels = new Set<string>();
  /** Those that the relay knows, by the id they have on this link. */
  readonly #byId = new Map<number, Subscription>();
  readonly #ids = new Map<Subscription, number>();
  readonly #resubscribing = new Set<NodeJS.Timeout>();
  readonly #closed = new AbortController();
  #nextId = 1;
  #maxPayloadBytes = DEFAULT_MAX_PAYLOAD;
  #connected: Deferred<void> = handled();
  #failure: ParleyError | undefined;

  /** @throws TypeError for options that make no sense. Nothing is connected yet. */
  constructor(options: RelayClientOptions) {
    checkOptions(options);
    this.#limits = readLimits(options.limits);
    this.#transport = transportOf(options);
    this.#events = options.events ?? {};
    this.#tokens = new TokenSource(options.token, this.#limits.tokenTimeoutMs, this.#closed.signal);
    this.#publisher = new Publisher(this.#limits, () => this.#connector.link?.schedule());
    this.#connector = new Connector(this.#transport, this.#tokens, this.#limits, {
      opened: (link, { maxPayloadBytes }) => this.#onOpened(link, maxPayloadBytes),
      frame: (frame) => this.#onFrame(frame),
      collect: (maxBytes) => this.#publisher.collect(maxBytes),
      lost: (error, wasOpen) => this.#onLost(error, wasOpen),
      gaveUp: (error) => this.#onGaveUp(error),
    });
  }

  /** Whether the link is up now. */
  get connected(): boolean {
    return this.#connector.link !== undefined;
  }

  /** The most bytes that the relay takes as one payload; until it has said so, the default of relays. */
  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes;
  }

  /**
   * Resolves once the link is up. The other calls connect by themselves; this one is for who wants to know.
   *
   * @throws RelayError `unauthenticated`, `permission_denied`, `invalid_argument` (nothing that speaks this protocol is there), `closed`;
   *   what the token provider threw; the signal's reason when aborted. While the relay can't be reached, it waits.
   */
  async connect(options?: WaitOptions): Promise<void> {
    const signal = signalOf(options);
    this.#start();
    await abortable(this.#connected.promise, signal);
  }

  /**
   * Appends a message to a channel's log. Resolves once it is recorded for good. Messages of one client are recorded in the order of
   * their calls, except for those that the relay could not take at once.
   *
   * @throws EpochTakenError; RelayError `permission_denied`, `invalid_argument`, `message_too_large`, `resource_exhausted` (too much waits
   *   to be published already), `unavailable` (`offline: "fail"`), `unauthenticated`, `closed`; TypeError; the signal's reason.
   */
  publish(channel: string, message: PublishMessage, options: PublishOptions = {}): Promise<Published> {
    return this.#publish(channel, () => outgoingMessage(message, this.#maxPayloadBytes), options);
  }

  /**
   * Leaves a welcome for its recipients, who fetch it with {@link RelayClient.fetchWelcomes}. Resolves once it is stored for good.
   *
   * @throws As {@link RelayClient.publish}, EpochTakenError aside.
   */
  async publishWelcome(channel: string, welcome: PublishWelcome, options: PublishOptions = {}): Promise<void> {
    await this.#publish(channel, () => outgoingWelcome(welcome, this.#maxPayloadBytes), options);
  }

  /**
   * Subscribes to a channel. Messages come as fast as they are taken: what isn't taken stays with the relay.
   *
   * @throws TypeError; RelayError `closed`, `unauthenticated`, `invalid_argument` (this client is subscribed to the channel already). What the
   *   relay says comes by the subscription.
   */
  subscribe(channel: string, options: SubscribeOptions): Subscription {
    checkChannel(channel);
    if (options === undefined) throw new TypeError('subscribe needs options with "from": a sequence from 1 on, or "now"');
    rejectUnknownOptions(options, ["from", "bufferBytes", "onCaughtUp", "signal"]);
    options.signal?.throwIfAborted();
    if (this.#channels.has(channel)) {
      throw new RelayError("invalid_argument", `This client is subscribed to ${channel} already; close that subscription first`);
    }
    this.#start();
    const subscription = new Subscription(channel, options, { over: (ended) => this.#onOver(ended) });
    this.#subscriptions.add(subscription);
    this.#channels.add(channel);
    const { link } = this.#connector;
    if (link !== undefined) this.#startOn(link, subscription);
    return subscription;
  }

  /**
   * Reads a part of a channel's log: at most `limit` messages (default: what the relay gives at once), fewer where they are large. Ask
   * again from the next sequence for more.
   *
   * @throws RangeGoneError; RelayError; TypeError; the signal's reason.
   */
  async fetchRange(channel: string, options: { readonly from: number; readonly limit?: number } & WaitOptions): Promise<MessageRange> {
    rejectUnknownOptions(options, ["from", "limit", "signal"]);
    const { from, limit = 0, signal } = options;
    checkChannel(channel);
    checkSequence(from, "from");
    if (!Number.isInteger(limit) || limit < 0 || limit > 0xffff_ffff) throw new TypeError("limit must be an integer from 0 on");
    return calls.readRange(await this.#call("FetchRange", calls.rangeRequest(channel, from, limit), signal), from);
  }

  /**
   * What the logs of some channels hold, in their order: up to 256 at once.
   *
   * @throws RelayError; TypeError; the signal's reason.
   */
  async heads(channels: readonly string[], options?: WaitOptions): Promise<readonly ChannelHead[]> {
    const signal = signalOf(options);
    for (const channel of channels) checkChannel(channel);
    if (channels.length === 0) return [];
    return calls.readHeads(await this.#call("GetHeads", calls.headsRequest(channels), signal), channels.length);
  }

  /**
   * The welcomes that wait for some key packages, by their references, oldest first. They stay until {@link RelayClient.ackWelcomes}.
   *
   * @param options `waitMs`: how long to wait for one when there is none yet, up to 60,000. Default 0.
   * @throws RelayError; TypeError; the signal's reason.
   */
  async fetchWelcomes(
    channel: string,
    recipients: readonly Uint8Array[],
    options: { readonly waitMs?: number } & WaitOptions = {},
  ): Promise<readonly RelayWelcome[]> {
    rejectUnknownOptions(options, ["waitMs", "signal"]);
    const { waitMs = 0, signal } = options;
    checkChannel(channel);
    for (const recipient of recipients) checkName(recipient, "Each recipient");
    if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > 60_000) throw new TypeError("waitMs must be an integer from 0 to 60,000");
    if (recipients.length === 0) return [];
    return calls.readWelcomes(await this.#call("FetchWelcomes", calls.welcomesRequest(channel, recipients, waitMs), signal, waitMs));
  }

  /**
   * Tells the relay that welcomes have been stored safely, and need not be kept. Resolves when they are gone.
   *
   * @throws RelayError; TypeError; the signal's reason.
   */
  async ackWelcomes(channel: string, welcomes: readonly Pick<RelayWelcome, "id" | "recipient">[], options?: WaitOptions): Promise<void> {
    const signal = signalOf(options);
    checkChannel(channel);
    if (welcomes.length > 0) await this.#call("AckWelcomes", calls.ackWelcomesRequest(channel, welcomes), signal);
  }

  /** Leaves the relay. Iterations end, and everything that waits is rejected with `closed`. Idempotent. */
  close(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve();
    const error = new RelayError("closed", "The client is closed");
    this.#failure ??= error;
    this.#publisher.fail(error);
    for (const subscription of this.#subscriptions) void subscription.close();
    this.#closed.abort(error);
    this.#stop(error);
    this.#transport.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** No async function, since every message comes through here: the publisher's own promise is all there is. */
  #publish(channel: string, encode: () => Uint8Array, options: PublishOptions): Promise<Published> {
    try {
      rejectUnknownOptions(options, ["signal", "offline"]);
      const { signal, offline = "wait" } = options;
      checkChannel(channel);
      const encoded = encode();
      signal?.throwIfAborted();
      this.#start();
      if (offline === "fail" && !this.connected) throw new RelayError("unavailable", `There is no connection to the relay${this.#address}`);
      return this.#publisher.publish(channel, encoded, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #call(method: UnaryMethod, request: Uint8Array, signal: AbortSignal | undefined, waitMs = 0): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    const timeoutMs = this.#limits.callTimeoutMs + waitMs;
    const token = await abortable(this.#tokens.get(), signal);
    try {
      return await this.#transport.call(method, request, { token, timeoutMs, signal });
    } catch (error) {
      if (!(error instanceof RelayError) || error.code !== "unauthenticated") throw error;
      const fresh = await abortable(this.#tokens.get(token), signal);
      return this.#transport.call(method, request, { token: fresh, timeoutMs, signal });
    }
  }

  /** ` at <host and port>`, where the relay has them. */
  get #address(): string {
    return this.#transport.address === undefined ? "" : ` at ${this.#transport.address}`;
  }

  #start(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#connector.start();
  }

  #startOn(link: Link, subscription: Subscription): void {
    const id = this.#nextId++;
    this.#byId.set(id, subscription);
    this.#ids.set(subscription, id);
    subscription.start(link, id);
  }

  #onOpened(link: Link, maxPayloadBytes: number): void {
    this.#maxPayloadBytes = maxPayloadBytes;
    for (const subscription of this.#subscriptions) this.#startOn(link, subscription);
    link.schedule();
    this.#connected.resolve();
    this.#events.onConnected?.();
  }

  #onFrame({ subscribed, ended, deliveries, acks, nacks }: ServerFrame): void {
    // What is about a subscription that has been closed here is late.
    for (const answer of subscribed) this.#byId.get(answer.subscription)?.subscribed(answer);
    for (const batch of deliveries) this.#byId.get(batch.subscription)?.delivered(batch);
    for (const answer of ended) this.#onEnded(answer);
    for (const ack of acks) this.#publisher.acked(ack);
    for (const nack of nacks) this.#publisher.nacked(nack);
  }

  #onEnded({ subscription: id, code, first }: SubscriptionEnded): void {
    const subscription = this.#byId.get(id);
    if (subscription === undefined) return;
    this.#byId.delete(id);
    this.#ids.delete(subscription);
    subscription.suspend();
    if (code === Code.RANGE_GONE) return subscription.fail(new RangeGoneError(first));
    const final = FINAL[code];
    if (final !== undefined)
      return subscription.fail(new RelayError(final, `The relay${this.#address} refuses the subscription to ${subscription.channel}`));
    const timer = setTimeout(() => {
      this.#resubscribing.delete(timer);
      const { link } = this.#connector;
      if (link !== undefined && this.#subscriptions.has(subscription) && !this.#ids.has(subscription)) this.#startOn(link, subscription);
    }, RESUBSCRIBE_MS);
    this.#resubscribing.add(timer);
  }

  #onOver(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    this.#channels.delete(subscription.channel);
    const id = this.#ids.get(subscription);
    this.#ids.delete(subscription);
    if (id !== undefined) this.#byId.delete(id);
  }

  #onLost(error: ParleyError, wasOpen: boolean): void {
    if (wasOpen) {
      this.#connected = handled();
      this.#detach();
    }
    this.#events.onDisconnected?.(error);
  }

  #onGaveUp(error: ParleyError): void {
    this.#failure = error;
    this.#detach();
    this.#publisher.fail(error);
    for (const subscription of this.#subscriptions) subscription.fail(error);
    this.#stop(error);
    this.#events.onDisconnected?.(error);
  }

  #detach(): void {
    this.#publisher.linkLost();
    this.#byId.clear();
    this.#ids.clear();
    for (const subscription of this.#subscriptions) subscription.suspend();
  }

  #stop(error: ParleyError): void {
    for (const timer of this.#resubscribing) clearTimeout(timer);
    this.#connector.stop();
    const settled = this.#connected;
    this.#connected = handled();
    this.#connected.reject(error);
    settled.reject(error);
  }
}

/** @throws TypeError for unknown options */
function signalOf(options: WaitOptions | undefined): AbortSignal | undefined {
  rejectUnknownOptions(options, ["signal"]);
  return options?.signal;
}

/** One whose rejection may go unnoticed: nobody need wait for it. */
function handled(): Deferred<void> {
  const one = deferred<void>();
  void one.promise.catch(() => undefined);
  return one;
}
