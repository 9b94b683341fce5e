import type { Kind } from "./kind.ts";
import { decodeMessage } from "./wire/message-codec.ts";

/** A message from a channel's log. Its fields except `sequence` and `recordedAt` are the sender's claims; the relay does not verify them. */
export interface RelayMessage {
  /** Its sequence number in the channel's log, from 1, without gaps. */
  readonly sequence: number;
  /** `unknown`: a kind that this version does not support. */
  readonly kind: Kind | "unknown";
  /** The epoch that its sender claims. */
  readonly epoch: bigint;
  readonly payload: Uint8Array;
  /** The publisher's idempotency key. */
  readonly key: Uint8Array;
  /** For commits only: the sequence of the commit of the same epoch that its sender considers invalid. */
  readonly supersedes?: number;
  /** Time at which the relay recorded it, in milliseconds since 1970. */
  readonly recordedAt: number;
}

/** @throws FrameError */
export function readMessage(sequence: number, encoded: Uint8Array): RelayMessage {
  const { kind = "unknown", epoch, payload, key, supersedes, recordedAt } = decodeMessage(encoded);
  // Copies, because a view would retain the whole frame in memory.
  const message: RelayMessage = { sequence, kind, epoch, payload: new Uint8Array(payload), key: new Uint8Array(key), recordedAt };
  return supersedes === 0 ? message : { ...message, supersedes };
}
