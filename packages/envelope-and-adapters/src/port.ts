import type { Envelope } from "./envelope.ts";
import type { Protocol } from "./protocol.ts";

/**
 * The seam between adapters and a channel. Adapters send and receive envelopes; encryption, sockets and membership are on its other side.
 *
 * What an implementation promises:
 *
 * - Every party of the channel receives what the others send, in one order for all, each once; nobody receives what they sent themselves.
 * - A link that drops and comes back is not the end: what was sent meanwhile arrives later. The iterations end when the port is closed,
 *   and throw when it broke for good.
 * - Sends are taken also while envelopes wait to be read or settled, as far as the channel can: else who forwards in both directions would
 *   wait for itself.
 * - Any number of adapters share a port: each call of `receive` is a subscription of its own, and each gets everything that it asks for.
 */
export interface EnvelopePort {
  /**
   * Sends an envelope to all other parties. Sends keep the order of their calls. Resolves when the channel has taken it.
   *
   * @throws a ParleyError of the channel: retryable while the link is down, or not ({@link PortError} `closed`); an
   *   {@link EnvelopeError}; the signal's reason when aborted.
   */
  send(envelope: Envelope, options?: PortSendOptions): Promise<void>;
  /**
   * Subscribes to what the other parties send, from this call on. Iterate once. The subscription ends with the iteration, or with the
   * signal, without an error.
   */
  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined>;
  /**
   * Resolves when everything that the channel had acknowledged to its senders at the time of this call is in the buffers of the
   * subscriptions, or after the timeout, or when that can't be found out. Absent where envelopes are there as soon as `send` resolves.
   *
   * @throws the signal's reason when aborted.
   */
  caughtUp?(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void>;
}

/** Options of {@link EnvelopePort.send}. */
export interface PortSendOptions {
  /**
   * A name that the sender gives to this send, of 1 to 255 characters. Of all its sends with one id on one channel a single one takes
   * effect, also when the process was restarted in between: who doesn't know whether a send went through repeats it. How long a channel
   * remembers ids is for its layer to say. Default: every send is one of its own.
   */
  readonly id?: string;
  /** Stops waiting. The envelope may have left already. */
  readonly signal?: AbortSignal;
}

/** Options of {@link EnvelopePort.receive}. */
export interface ReceiveOptions {
  /** Receive this protocol only. Default: all. */
  readonly protocol?: Protocol;
  /**
   * What happens when this subscription's buffer is full. `"wait"` (the default) loses nothing: the channel is not read on until there is
   * room, and other subscribers of the port wait too. `"drop-oldest"` holds nobody up: what is lost is counted in `missed`.
   */
  readonly overflow?: "wait" | "drop-oldest";
  /**
   * When an envelope is done with. `"on-delivery"` (the default): once the iteration has given it out. `"manual"`: once
   * {@link ReceivedEnvelope.settle} is called; what isn't settled when the subscription ends, or the process does, comes again to the next
   * subscriber who asks for it, as far as the channel keeps what it has received. A subscription that has as much unsettled as it may
   * buffer gets no more until it settles some. Not together with `"drop-oldest"` (TypeError).
   */
  readonly settle?: "on-delivery" | "manual";
  /** Ends the subscription. What it has buffered is let go. */
  readonly signal?: AbortSignal;
}

/** An envelope that another party sent. */
export interface ReceivedEnvelope {
  readonly envelope: Envelope;
  /**
   * Who sent it, by the name that the channel knows. How far that is proved is for the channel to say: on an encrypted channel a member
   * claims its name, and no other member has it at the same time; from a DIDComm node it is the DID that the node has authenticated. Absent
   * where the channel can't tell; nothing in the envelope itself replaces it.
   */
  readonly sender?: string;
  /**
   * The key that the sender has proved to hold by signing this envelope, as base64url. Equal keys are the same party, whatever it calls
   * itself; a party that has lost its key and joined again under its former name is another one. Absent where the channel has no keys: then
   * equal `sender` strings are the same party.
   */
  readonly senderKey?: string;
  /**
   * Names this envelope on its channel, in up to 64 characters: the same for every receiver and when it comes again, and never another
   * envelope's. Absent where the channel can't tell.
   */
  readonly id?: string;
  /**
   * Says that this envelope is done with. Resolves when that is known for good; calling it again changes nothing. There with
   * `settle: "manual"`, and only then.
   */
  readonly settle?: () => Promise<void>;
  /** How many envelopes were dropped just before this one, because this subscriber was slow. Only with `"drop-oldest"`. */
  readonly missed?: number;
}

/**
 * The channels that an agent is a member of, as ports. A channel layer implements it; adapters that name channels ask for it.
 * Names have three components: `org/namespace/service`.
 */
export interface EnvelopeChannels {
  /** Creates a channel with this agent as its first member. */
  create(name: string): Promise<EnvelopePort>;
  /** Joins a channel with a welcome that a member of it has made for this agent. */
  join(name: string, welcome: Uint8Array): Promise<EnvelopePort>;
  /** The port of a channel that this agent is a member of already. */
  open(name: string): Promise<EnvelopePort>;
}
