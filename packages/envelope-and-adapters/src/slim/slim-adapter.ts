import { rejectUnknownOptions } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { checkAdapterOptions, checkChannels } from "../internal/arguments.ts";
import { kindOf } from "../internal/kind-of.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import { Mailbox, type TakeOptions } from "../internal/mailbox.ts";
import type { EnvelopeChannels, EnvelopePort, PortSendOptions } from "../port.ts";
import { Protocol } from "../protocol.ts";

/**
 * Options of {@link SlimAdapter}. The buffer is that of one subscription: when it is full, its oldest message is dropped and reported.
 */
export interface SlimAdapterOptions extends BufferLimits {
  /** Told of messages that were dropped. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** Options of {@link SlimAdapter.publish}. */
export interface SlimPublishOptions extends PortSendOptions {
  /** Media type of the payload. Default `application/octet-stream`, or `text/plain` for a string. */
  readonly contentType?: string;
}

/** A message that somebody has published. */
export interface SlimMessage {
  readonly payload: Uint8Array;
  readonly contentType: string;
  /** Who published it, by the name that the channel knows; see `ReceivedEnvelope`. */
  readonly sender?: string;
  /** The key that the publisher has proved to hold. Absent where the channel has no keys. */
  readonly senderKey?: string;
}

/**
 * Publish and subscribe on channels, with SLIM's names: a destination is a channel, `org/namespace/service`.
 *
 * Publishers don't receive what they published themselves.
 *
 * @example
 * ```ts
 * import { SlimAdapter } from "@parley/envelope-and-adapters/slim";
 * import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
 *
 * const [alice, bob] = createMemoryChannels(["alice", "bob"]);
 * await alice.create("org/sensors/oven");
 * await bob.join("org/sensors/oven", new Uint8Array());
 *
 * await using subscriber = new SlimAdapter(bob);
 * await subscriber.subscribe("org/sensors/oven");
 * await new SlimAdapter(alice).publish("org/sensors/oven", "180 °C");
 * const [payload] = await subscriber.receive("org/sensors/oven");
 * ```
 */
export class SlimAdapter implements AsyncDisposable {
  readonly #channels: Pick<EnvelopeChannels, "open">;
  readonly #limits: BufferLimits;
  readonly #onError: ((error: Error) => void) | undefined;
  readonly #subscriptions = new Map<string, Mailbox<SlimMessage>>();

  /** Works on channels that this agent is a member of already. @throws TypeError these are none, or an option that there isn't. */
  constructor(channels: Pick<EnvelopeChannels, "open">, options: SlimAdapterOptions = {}) {
    this.#channels = checkChannels(channels);
    checkAdapterOptions(options, ["onError", "maxBuffered", "maxBufferedBytes"]);
    const { onError, ...limits } = options;
    this.#limits = limits;
    this.#onError = onError;
  }

  /**
   * Publishes a payload to all other members of a channel. Strings are sent as UTF-8.
   *
   * @throws PortError `unknown_channel`, `not_connected`, `closed`, or what else the channel throws.
   */
  async publish(destination: string, payload: Uint8Array | string, options: SlimPublishOptions = {}): Promise<void> {
    rejectUnknownOptions(options, ["contentType", "id", "signal"]);
    const text = typeof payload === "string";
    if (!text && !(payload instanceof Uint8Array)) {
      throw new TypeError(`A SLIM payload must be a string or a Uint8Array, not ${kindOf(payload)}`);
    }
    const { contentType = text ? "text/plain" : "application/octet-stream", ...sending } = options;
    const envelope = new Envelope(Protocol.SLIM, contentType, text ? new TextEncoder().encode(payload) : payload);
    const port = await this.#channels.open(destination);
    await port.send(envelope, sending);
  }

  /**
   * Begins to collect what is published on a channel. A second call changes nothing.
   *
   * @throws PortError `unknown_channel`, or what else the channel throws.
   */
  async subscribe(channel: string): Promise<void> {
    const port = await this.#channels.open(channel);
    if (!this.#subscriptions.has(channel)) this.#subscriptions.set(channel, this.#collect(port));
  }

  /** Stops collecting. What has not been received is let go. */
  unsubscribe(channel: string): void {
    this.#subscriptions.get(channel)?.close();
    this.#subscriptions.delete(channel);
  }

  /**
   * The payloads that have arrived since the last call. Waits for one if there are none; empty after the timeout.
   *
   * @throws AdapterError `not_subscribed`; `closed`, or what broke the channel, once everything has been received.
   */
  async receive(channel: string, options: TakeOptions = {}): Promise<Uint8Array[]> {
    const messages = await this.receiveMessages(channel, options);
    return messages.map(({ payload }) => payload);
  }

  /** As {@link SlimAdapter.receive}, with content types and senders. */
  async receiveMessages(channel: string, options: TakeOptions = {}): Promise<SlimMessage[]> {
    const mailbox = this.#subscriptions.get(channel);
    if (mailbox === undefined) throw new AdapterError("not_subscribed", `No subscription to ${channel}: call subscribe() first`);
    return mailbox.take(options);
  }

  /** Ends all subscriptions. The channels stay as they are. */
  async close(): Promise<void> {
    for (const channel of this.#subscriptions.keys()) this.unsubscribe(channel);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #collect(port: EnvelopePort): Mailbox<SlimMessage> {
    return new Mailbox(port, {
      ...this.#limits,
      protocol: Protocol.SLIM,
      read: ({ envelope: { payload, contentType }, sender, senderKey }) => ({
        payload,
        contentType,
        ...(sender === undefined ? {} : { sender }),
        ...(senderKey === undefined ? {} : { senderKey }),
      }),
      onError: this.#onError,
    });
  }
}
