import type { ApplicationMessage } from "@parley/mls-engine";

/** A message that another member sent on a channel. */
export interface ChannelMessage {
  /** What was sent. */
  readonly data: Uint8Array;
  /** Identity of the sender, as the group knows it; its signature has been verified. */
  readonly sender: Uint8Array;
  /** The message's place in the channel's log: the same for all members, growing, and never used twice. To tell repetitions by. */
  readonly sequence: number;
  /** The group's epoch in which it was encrypted. */
  readonly epoch: bigint;
  /** When the relay says that it recorded it, in milliseconds since 1970. The relay's word, nothing more. */
  readonly recordedAt: number;
}

/** Sequence, epoch, time and length of the sender's identity. */
const HEADER_BYTES = 28;

export function messageOf({ data, senderIdentity, epoch }: ApplicationMessage, sequence: number, recordedAt: number): ChannelMessage {
  return { data, sender: senderIdentity ?? new Uint8Array(), sequence, epoch, recordedAt };
}

/** As it is kept until it is taken. */
export function encodeStored({ data, sender, sequence, epoch, recordedAt }: ChannelMessage): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + sender.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, sequence);
  view.setBigUint64(8, epoch);
  view.setFloat64(16, recordedAt);
  view.setUint32(24, sender.length);
  bytes.set(sender, HEADER_BYTES);
  bytes.set(data, HEADER_BYTES + sender.length);
  return bytes;
}

/** Reads {@link encodeStored}; `undefined` for what isn't that. */
export function decodeStored(bytes: Uint8Array): ChannelMessage | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = HEADER_BYTES + view.getUint32(24);
  if (start > bytes.length) return undefined;
  return {
    data: bytes.slice(start),
    sender: bytes.slice(HEADER_BYTES, start),
    sequence: view.getFloat64(0),
    epoch: view.getBigUint64(8),
    recordedAt: view.getFloat64(16),
  };
}
