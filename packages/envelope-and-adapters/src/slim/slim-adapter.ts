import { describeKind, rejectUnknownOptions } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { checkAdapterOptions, checkChannels } from "../internal/arguments.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import { Mailbox, type TakeOptions } from "../internal/mailbox.ts";
import type { EnvelopeChannels, EnvelopePort, PortSendOptions } from "../port.ts";
import { Protocol } from "../protocol.ts";

/**
 * Options of {@link SlimAdapter}. The limits apply to each subscription; when its buffer is full, the oldest message is dropped and reported.
 */
export interface SlimAdapterOptions extends BufferLimits {
  /** Called for each dropped message. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** Options of {@link SlimAdapter.publish}. */
export interface SlimPublishOptions extends PortSendOptions {
  /** Media type of the payload. Default `application/octet-stream`, or `text/plain` for a string. */
  readonly contentType?: string;
}

/** A published message. */
export interface SlimMessage {
  readonly payload: Uint8Array;
  readonly contentType: string;
  /** The publisher's name on the channel; see `ReceivedEnvelope`. */
  readonly sender?: string;
  /** The authenticated key of the publisher. Absent on channels without keys. */
  readonly senderKey?: string;
}

/**
 * Publishes and subscribes on channels with SLIM's names: a destination is a channel, `org/namespace/service`.
 *
 * Publishers don't receive their own messages.
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

  /**
   * @param channels the channels of an agent, which must be a member of each channel that is used
   * @throws TypeError an argument or option is invalid
   */
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
   * @throws PortError `unknown_channel`, `not_connected`, `closed`
   * @throws other errors of the channel
   */
  async publish(destination: string, payload: Uint8Array | string, options: SlimPublishOptions = {}): Promise<void> {
    rejectUnknownOptions(options, ["contentType", "id", "signal"]);
    const text = typeof payload === "string";
    if (!text && !(payload instanceof Uint8Array)) {
      throw new TypeError(`A SLIM payload must be a string or a Uint8Array, not ${describeKind(payload)}`);
    }
    const { contentType = text ? "text/plain" : "application/octet-stream", ...sending } = options;
    const envelope = new Envelope(Protocol.SLIM, contentType, text ? new TextEncoder().encode(payload) : payload);
    const port = await this.#channels.open(destination);
    await port.send(envelope, sending);
  }

  /**
   * Starts to buffer the messages on a channel. Idempotent.
   *
   * @throws PortError `unknown_channel`
   * @throws other errors of the channel
   */
  async subscribe(channel: string): Promise<void> {
    const port = await this.#channels.open(channel);
    if (!this.#subscriptions.has(channel)) this.#subscriptions.set(channel, this.#collect(port));
  }

  /** Ends the subscription and discards its buffered messages. */
  unsubscribe(channel: string): void {
    this.#subscriptions.get(channel)?.close();
    this.#subscriptions.delete(channel);
  }

  /**
   * Returns the payloads that have arrived since the last call. Waits for one if necessary;
   * returns an empty list after the timeout.
   *
   * @throws AdapterError `not_subscribed`; `closed` once all messages were received
   * @throws the error of the channel, once all messages were received
   */
  async receive(channel: string, options: TakeOptions = {}): Promise<Uint8Array[]> {
    const messages = await this.receiveMessages(channel, options);
    return messages.map(({ payload }) => payload);
  }

  /** Like {@link SlimAdapter.receive}, with content types and senders. */
  async receiveMessages(channel: string, options: TakeOptions = {}): Promise<SlimMessage[]> {
    const mailbox = this.#subscriptions.get(channel);
    if (mailbox === undefined) throw new AdapterError("not_subscribed", `No subscription to ${channel}: call subscribe() first`);
    return mailbox.take(options);
  }

  /** Ends all subscriptions. The channels stay open. */
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
