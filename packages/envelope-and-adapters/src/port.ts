import type { Envelope } from "./envelope.ts";
import type { Protocol } from "./protocol.ts";

/**
 * The interface between adapters and a channel. Adapters send and receive envelopes; the implementation handles encryption, sockets and
 * membership.
 *
 * Guarantees of an implementation:
 *
 * - All parties receive the envelopes of the other parties once and in the same order. Parties do not receive their own envelopes.
 * - After a lost connection is restored, envelopes from that time are delivered. Iterations end when the port is closed, and throw when it fails
 *   permanently.
 * - Sends are accepted while envelopes wait to be read or settled, as far as the channel allows. Otherwise, forwarding in both directions could
 *   deadlock.
 * - Several adapters can share a port: each call of `receive` is an independent subscription.
 */
export interface EnvelopePort {
  /**
   * Sends an envelope to all other parties, in the order of the calls. Resolves when the channel has accepted it.
   *
   * @throws ParleyError of the channel, such as {@link PortError} `closed`; retryable while the connection is down
   * @throws EnvelopeError the envelope is too large
   * @throws the signal's reason when aborted
   */
  send(envelope: Envelope, options?: PortSendOptions): Promise<void>;
  /**
   * Subscribes to the envelopes of the other parties from this call on. Can be iterated once. The subscription ends with the iteration, or
   * without an error when the signal fires.
   */
  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined>;
  /**
   * Resolves when all envelopes that were acknowledged to their senders before this call are in the buffers of the subscriptions, when the
   * timeout expires, or when that can't be determined. Absent if envelopes are delivered before `send` resolves.
   *
   * @throws the signal's reason when aborted
   */
  caughtUp?(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void>;
}

/** Options of {@link EnvelopePort.send}. */
export interface PortSendOptions {
  /**
   * Idempotency key of 1 to 255 characters. Of all sends of a party with one id on one channel, only the first is delivered, also across
   * restarts. So a send with an unknown outcome can be repeated. The channel layer defines how long ids are remembered. Default: none.
   */
  readonly id?: string;
  /** Stops waiting. The envelope can have been sent already. */
  readonly signal?: AbortSignal;
}

/** Options of {@link EnvelopePort.receive}. */
export interface ReceiveOptions {
  /** The protocol to receive. Default: all. */
  readonly protocol?: Protocol;
  /**
   * The behavior if this subscription's buffer is full. With `"wait"` (the default), the port stops reading from the channel, so that other
   * subscribers wait too. With `"drop-oldest"`, the oldest envelopes are dropped and counted in `missed`.
   */
  readonly overflow?: "wait" | "drop-oldest";
  /**
   * When an envelope is settled. With `"on-delivery"` (the default), when the iteration returns it. With `"manual"`, when
   * {@link ReceivedEnvelope.settle} is called. Envelopes that are unsettled when the subscription or the process ends are redelivered to the
   * next subscriber, if the channel stores received envelopes. Unsettled envelopes count toward the buffer of the subscription. Can't be
   * combined with `"drop-oldest"` (TypeError).
   */
  readonly settle?: "on-delivery" | "manual";
  /** Ends the subscription and discards its buffer; envelopes that must be settled manually are redelivered. */
  readonly signal?: AbortSignal;
}

/** An envelope that another party sent. */
export interface ReceivedEnvelope {
  readonly envelope: Envelope;
  /**
   * The sender's name on the channel. On an encrypted channel it is claimed by the member, and unique among the present members. From a
   * DIDComm node it is the DID that the node has authenticated. Absent if the channel does not know the sender.
   */
  readonly sender?: string;
  /**
   * The key that the channel has authenticated the sender by, as base64url. Equal keys identify the same party, independent of its name; a
   * party that joins again with a new key is another party. Absent on channels without keys: there, equal `sender` strings identify a party.
   */
  readonly senderKey?: string;
  /**
   * Identifies this envelope on its channel, in up to 64 characters: the same for all receivers and redeliveries, and unique. Absent if the
   * channel does not number its envelopes.
   */
  readonly id?: string;
  /**
   * Settles this envelope, so that it is not redelivered. Resolves when that is durable. Idempotent. Present only with `settle: "manual"`.
   */
  readonly settle?: () => Promise<void>;
  /**
   * Runs work as a part of the span that processes this envelope, so that what it sends belongs to the same trace. Absent unless the port has telemetry.
   */
  readonly within?: <T>(work: () => T) => T;
  /** Number of envelopes that were dropped directly before this one. Only with `"drop-oldest"`. */
  readonly missed?: number;
}

/**
 * The channels of an agent, as ports. Implemented by a channel layer, used by adapters that address channels by name. Names have three
 * components: `org/namespace/service`.
 */
export interface EnvelopeChannels {
  /** Creates a channel with this agent as its first member. */
  create(name: string): Promise<EnvelopePort>;
  /** Joins a channel with a Welcome that a member has created for this agent. */
  join(name: string, welcome: Uint8Array): Promise<EnvelopePort>;
  /** Opens a channel that this agent is a member of. */
  open(name: string): Promise<EnvelopePort>;
}
