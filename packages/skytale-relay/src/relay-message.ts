import type { Kind } from "./kind.ts";
import { decodeMessage } from "./wire/message-codec.ts";

/** A message from a channel's log. What it claims is its sender's word: a relay checks nothing of it. */
export interface RelayMessage {
  /** Its place in the channel's log, from 1, without gaps. */
  readonly sequence: number;
  /** `unknown`: a kind that this version doesn't know. */
  readonly kind: Kind | "unknown";
  /** The epoch that its sender claims. */
  readonly epoch: bigint;
  readonly payload: Uint8Array;
  /** The key that its publisher gave it. */
  readonly key: Uint8Array;
  /** Of a commit: the sequence of the commit of the same epoch that its sender found invalid. */
  readonly supersedes?: number;
  /** When the relay recorded it, in milliseconds since 1970. */
  readonly recordedAt: number;
}

/** @throws FrameError */
export function readMessage(sequence: number, encoded: Uint8Array): RelayMessage {
  const { kind = "unknown", epoch, payload, key, supersedes, recordedAt } = decodeMessage(encoded);
  // Copies: a view would keep the whole frame.
  const message: RelayMessage = { sequence, kind, epoch, payload: new Uint8Array(payload), key: new Uint8Array(key), recordedAt };
  return supersedes === 0 ? message : { ...message, supersedes };
}
