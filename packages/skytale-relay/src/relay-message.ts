import type { Kind } from "./kind.ts";
import { decodeMessage } from "./wire/message-codec.ts";

/**
 * A message from a channel's log. Its fields except `sequence` and `recordedAt` are the sender's claims; the relay does not verify them.
 */
export interface RelayMessage {
  /** Its sequence number in the channel's log, from 1, without gaps. */
  readonly sequence: number;
  /**
   * `evicted`: not a message, but {@link RelayMessage.evicted} messages that the relay no longer has. `unknown`: a kind that this version
   * does not support.
   */
  readonly kind: Kind | "unknown" | "evicted";
  /** The epoch that its sender claims. */
  readonly epoch: bigint;
  readonly payload: Uint8Array;
  /** The publisher's idempotency key. */
  readonly key: Uint8Array;
  /** For commits only: the sequence of the commit of the same epoch that its sender considers invalid. */
  readonly supersedes?: number;
  /** Time at which the relay recorded it, in milliseconds since 1970; 0 for `evicted`. */
  readonly recordedAt: number;
  /** For `evicted` only: how many messages in a row, from `sequence` on, were removed. Their account had the most messages in the log. */
  readonly evicted?: number;
}

/** The sequence after a message, or after the evicted ones. */
export function sequenceAfter({ sequence, evicted = 1 }: Pick<RelayMessage, "sequence" | "evicted">): number {
  return sequence + evicted;
}

const NOTHING: Uint8Array = new Uint8Array();

/** @throws FrameError */
export function readMessage(sequence: number, encoded: Uint8Array): RelayMessage {
  const { kind = "unknown", epoch, payload, key, supersedes, evicted, recordedAt } = decodeMessage(encoded);
  // A message always has a payload. Relays of older versions store fields that they don't know.
  if (evicted > 0 && kind === "unknown" && payload.length === 0)
    return { sequence, kind: "evicted", epoch: 0n, payload: NOTHING, key: NOTHING, recordedAt: 0, evicted };
  // Copies, because a view would retain the whole frame in memory.
  const message: RelayMessage = { sequence, kind, epoch, payload: new Uint8Array(payload), key: new Uint8Array(key), recordedAt };
  return supersedes === 0 ? message : { ...message, supersedes };
}
