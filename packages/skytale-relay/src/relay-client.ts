import type { ParleyError } from "@parley/core";
import { abortable, deferred, type Deferred, rejectUnknownOptions } from "@parley/core/internal";
import { Code } from "../gen/skytale/relay/v1/relay_pb.js";
import * as calls from "./unary-calls.ts";
import type { ChannelHead, MessageRange, RelayWelcome } from "./unary-calls.ts";
import { checkChannel, checkName, checkSequence } from "./check-arguments.ts";
import { parseEndpoint } from "./endpoint.ts";
import { grpcTransport } from "./grpc-transport.ts";
import {
  checkRelayOptions,
  readLimits,
  type RelayClientEvents,
  type RelayClientLimits,
  type RelayClientOptions,
} from "./relay-client-options.ts";
import { Connector } from "./connector.ts";
import type { RelayLink } from "./relay-link.ts";
import { outgoingMessage, outgoingWelcome, type PublishMessage, type PublishWelcome } from "./outgoing-message.ts";
import { type Published, Publisher } from "./publisher.ts";
import { RangeGoneError, RelayError, type RelayErrorCode } from "./relay-error.ts";
import { type SubscribeOptions, Subscription } from "./subscription.ts";
import { TokenSource } from "./token-source.ts";
import type { RelayTransport, UnaryMethod } from "./transport.ts";
import type { ServerFrame, SubscriptionEnded } from "./wire/server-frame.ts";

/** Options of calls that wait for the relay. */
export interface WaitOptions {
  /** Stops waiting. The relay may have processed the request already. */
  readonly signal?: AbortSignal;
}

/** Options of {@link RelayClient.publish}. */
export interface PublishOptions extends WaitOptions {
  /** Without an open link: `"wait"` for one, or `"fail"` immediately with `unavailable`. Default `"wait"`. */
  readonly offline?: "wait" | "fail";
}

/** Used until the relay has announced its limit. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024;
/** Delay before a subscription that ended with a transient error is restarted, in milliseconds. */
const RESUBSCRIBE_MS = 1000;

/** Codes of ended subscriptions that must not be restarted. */
const FINAL: Partial<Record<Code, RelayErrorCode>> = {
  [Code.PERMISSION_DENIED]: "permission_denied",
  [Code.INVALID_ARGUMENT]: "invalid_argument",
};

/**
 * A client of a relay: publishes to channels, subscribes to them, and reads their logs. It connects on first use and reconnects when the
 * link is lost: subscriptions resume without gaps or duplicates, and unacknowledged messages are published again.
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
  /** Subscribed channels. A relay accepts one subscription per channel and stream. */
  readonly #channels = new Set<string>();
  /** Subscriptions started on the current link, by their id on it. */
  readonly #byId = new Map<number, Subscription>();
  readonly #ids = new Map<Subscription, number>();
  readonly #resubscribing = new Set<NodeJS.Timeout>();
  readonly #closed = new AbortController();
  #nextId = 1;
  #maxPayloadBytes = DEFAULT_MAX_PAYLOAD;
  #connected: Deferred<void> = handled();
  #failure: ParleyError | undefined;

  /** Does not connect yet. @throws TypeError for invalid options. */
  constructor(options: RelayClientOptions) {
    checkRelayOptions(options);
    this.#limits = readLimits(options.limits);
    this.#transport = options.transport ?? grpcTransport({ ...parseEndpoint(options.url ?? ""), ca: options.ca });
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

  /** Whether the link is open. */
  get connected(): boolean {
    return this.#connector.link !== undefined;
  }

  /** The relay's limit on the size of one payload in bytes; 1 MiB until the relay has announced it. */
  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes;
  }

  /**
   * Resolves once the link is open, and keeps waiting while the relay is unreachable. Other calls connect too, without this one.
   *
   * @throws RelayError `unauthenticated`, `permission_denied`, `invalid_argument` (the server does not implement this protocol), `closed`;
   *   the token provider's error; the signal's reason when aborted.
   */
  async connect(options?: WaitOptions): Promise<void> {
    const signal = signalOf(options);
    this.#start();
    await abortable(this.#connected.promise, signal);
  }

  /**
   * Appends a message to a channel's log. Resolves once the message is durable. Messages of one client are recorded in the order of the
   * calls, except for messages that the relay rejected temporarily and that were retried.
   *
   * @throws EpochTakenError; RelayError `permission_denied`, `invalid_argument`, `message_too_large`, `resource_exhausted` (the publish queue
   *   is full), `unavailable` (`offline: "fail"`), `unauthenticated`, `closed`; TypeError; the signal's reason.
   */
  publish(channel: string, message: PublishMessage, options: PublishOptions = {}): Promise<Published> {
    return this.#publish(channel, () => outgoingMessage(message, this.#maxPayloadBytes), options);
  }

  /**
   * Stores a Welcome for its recipients, who fetch it with {@link RelayClient.fetchWelcomes}. Resolves once the Welcome is durable.
   *
   * @throws The errors of {@link RelayClient.publish} except EpochTakenError.
   */
  async publishWelcome(channel: string, welcome: PublishWelcome, options: PublishOptions = {}): Promise<void> {
    await this.#publish(channel, () => outgoingWelcome(welcome, this.#maxPayloadBytes), options);
  }

  /**
   * Subscribes to a channel. The consumer sets the pace: beyond `bufferBytes`, messages stay at the relay until earlier ones are consumed.
   *
   * @throws TypeError; RelayError `closed`, `unauthenticated`, `invalid_argument` (this client is subscribed to the channel already). Errors
   *   from the relay are thrown by the iteration.
   */
  subscribe(channel: string, options: SubscribeOptions): Subscription {
    checkChannel(channel);
    if (options === undefined) throw new TypeError('subscribe needs options with "from": a sequence number of at least 1, or "now"');
    rejectUnknownOptions(options, ["from", "bufferBytes", "onCaughtUp", "signal"]);
    options.signal?.throwIfAborted();
    if (this.#channels.has(channel)) {
      throw new RelayError("invalid_argument", `This client is subscribed to ${channel} already; close that subscription first`);
    }
    this.#start();
    const subscription = new Subscription(channel, options, { ended: (ended) => this.#onClosed(ended) });
    this.#subscriptions.add(subscription);
    this.#channels.add(channel);
    const { link } = this.#connector;
    if (link !== undefined) this.#startOn(link, subscription);
    return subscription;
  }

  /**
   * Reads a range of a channel's log: up to `limit` messages (default: the relay's limit), fewer if they are large. Call again from the next
   * sequence for more.
   *
   * @throws RangeGoneError; RelayError; TypeError; the signal's reason.
   */
  async fetchRange(channel: string, options: { readonly from: number; readonly limit?: number } & WaitOptions): Promise<MessageRange> {
    rejectUnknownOptions(options, ["from", "limit", "signal"]);
    const { from, limit = 0, signal } = options;
    checkChannel(channel);
    checkSequence(from, "from");
    if (!Number.isInteger(limit) || limit < 0 || limit > 0xffff_ffff) throw new TypeError("limit must be an integer from 0 to 4294967295");
    return calls.readRange(await this.#call("FetchRange", calls.rangeRequest(channel, from, limit), signal), from);
  }

  /**
   * Returns the ranges of the logs of up to 256 channels, in the given order.
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
   * Returns the stored Welcomes for key packages, given by their references, oldest first. They are kept until {@link RelayClient.ackWelcomes}.
   *
   * @param options `waitMs`: how long to wait for the first Welcome, in milliseconds, up to 60,000. Default 0.
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
   * Acknowledges Welcomes, after which the relay deletes them. Call it once they are stored durably. Resolves when they are deleted.
   *
   * @throws RelayError; TypeError; the signal's reason.
   */
  async ackWelcomes(channel: string, welcomes: readonly Pick<RelayWelcome, "id" | "recipient">[], options?: WaitOptions): Promise<void> {
    const signal = signalOf(options);
    checkChannel(channel);
    if (welcomes.length > 0) await this.#call("AckWelcomes", calls.ackWelcomesRequest(channel, welcomes), signal);
  }

  /** Closes the link. Iterations end, and pending calls are rejected with `closed`. Idempotent. */
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

  /** Not an async function, to avoid a second promise per message: returns the publisher's own promise. */
  #publish(channel: string, encode: () => Uint8Array, options: PublishOptions): Promise<Published> {
    try {
      rejectUnknownOptions(options, ["signal", "offline"]);
      const { signal, offline = "wait" } = options;
      checkChannel(channel);
      const encoded = encode();
      signal?.throwIfAborted();
      this.#start();
      if (offline === "fail" && !this.connected) throw new RelayError("unavailable", `Not connected to the relay${this.#address}`);
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

  /** ` at <host>:<port>`, if the transport has an address. */
  get #address(): string {
    return this.#transport.address === undefined ? "" : ` at ${this.#transport.address}`;
  }

  #start(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#connector.start();
  }

  #startOn(link: RelayLink, subscription: Subscription): void {
    const id = this.#nextId++;
    this.#byId.set(id, subscription);
    this.#ids.set(subscription, id);
    subscription.start(link, id);
  }

  #onOpened(link: RelayLink, maxPayloadBytes: number): void {
    this.#maxPayloadBytes = maxPayloadBytes;
    for (const subscription of this.#subscriptions) this.#startOn(link, subscription);
    link.schedule();
    this.#connected.resolve();
    this.#events.onConnected?.();
  }

  #onFrame({ subscribed, ended, deliveries, acks, nacks }: ServerFrame): void {
    // Frames for a subscription that was closed locally may still arrive, and are ignored.
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
      return subscription.fail(new RelayError(final, `The relay${this.#address} rejected the subscription to ${subscription.channel}`));
    const timer = setTimeout(() => {
      this.#resubscribing.delete(timer);
      const { link } = this.#connector;
      if (link !== undefined && this.#subscriptions.has(subscription) && !this.#ids.has(subscription)) this.#startOn(link, subscription);
    }, RESUBSCRIBE_MS);
    this.#resubscribing.add(timer);
  }

  #onClosed(subscription: Subscription): void {
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

/** A deferred whose rejection is never reported as unhandled. */
function handled(): Deferred<void> {
  const one = deferred<void>();
  void one.promise.catch(() => undefined);
  return one;
}
