/** Options of `Channel.send`. */
export interface SendOptions {
  /**
   * A name of 1 to 255 characters for this send. Of all sends of this agent with one id on one channel, a single one is recorded, also when
   * the process was killed in between: repeat a send when you don't know whether it went through. The content of the first counts. All
   * give the same `sequence`.
   *
   * The relay tells a repetition for as long as it knows the keys of messages: by default for an hour, unless 500,000 messages came since.
   * After that it is a message of its own. Default: every send is one of its own.
   */
  readonly id?: string;
  /** Stops waiting. The message may be sent all the same if it was on its way. */
  readonly signal?: AbortSignal;
  /** Without a link to the relay: `"wait"` for one (the default), or `"fail"` at once with TransportError `connection_error`. */
  readonly offline?: "wait" | "fail";
}

/** A message that the relay has recorded. */
export interface Sent {
  /** Its place in the channel's log, the same for all members. */
  readonly sequence: number;
}

/** Caps on what waits to be sent on one channel. */
export interface OutboundLimits {
  /** Messages. Default 10 000. */
  readonly maxQueued: number;
  /** Bytes of them. Default 64 MiB. */
  readonly maxQueuedBytes: number;
}
