import { encodeBase64url } from "@parley/core/internal";
import type { ApplicationMessage } from "@parley/mls-engine";
import type { RelayMessage } from "@parley/skytale-relay";

/** A message that another member sent on a channel. */
export interface ChannelMessage {
  /** What was sent. */
  readonly data: Uint8Array;
  /** Identity of the sender, as the group knows it; its signature has been verified. */
  readonly sender: Uint8Array;
  /**
   * Names the message on its channel: the same for all members, and when it comes again, and never another message's, whatever the relay
   * does. To tell repetitions by. Of a message that an earlier version has kept it is the `sequence`, as text.
   */
  readonly id: string;
  /** The message's place in the channel's log: the same for all members, and growing, unless the relay loses its log. */
  readonly sequence: number;
  /** The group's epoch in which it was encrypted. */
  readonly epoch: bigint;
  /** When the relay says that it recorded it, in milliseconds since 1970. The relay's word, nothing more. */
  readonly recordedAt: number;
}

/** Sequence, epoch, time and length of the sender's identity. */
const HEADER_BYTES = 28;
/** Of the ciphertext's hash: nobody finds another message whose hash begins with them. */
const ID_BYTES = 16;
/** Added to the length, which is below it: the id follows. Without it, as the first version wrote it, there is none. */
const WITH_ID = 2 ** 24;

/** @param hash SHA-256 of what the log holds. */
export function messageOf(
  { data, senderIdentity, epoch }: ApplicationMessage,
  { sequence, recordedAt }: Pick<RelayMessage, "sequence" | "recordedAt">,
  hash: Uint8Array,
): ChannelMessage {
  const id = encodeBase64url(hash.subarray(0, ID_BYTES));
  return { data, sender: senderIdentity ?? new Uint8Array(), id, sequence, epoch, recordedAt };
}

/** As it is kept until it is taken. */
export function encodeStored({ data, sender, id, sequence, epoch, recordedAt }: ChannelMessage): Uint8Array {
  const senderAt = HEADER_BYTES + ID_BYTES;
  const bytes = new Uint8Array(senderAt + sender.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, sequence);
  view.setBigUint64(8, epoch);
  view.setFloat64(16, recordedAt);
  view.setUint32(24, WITH_ID + sender.length);
  bytes.set(Buffer.from(id, "base64url"), HEADER_BYTES);
  bytes.set(sender, senderAt);
  bytes.set(data, senderAt + sender.length);
  return bytes;
}

/** Reads {@link encodeStored}; `undefined` for what isn't that. */
export function decodeStored(bytes: Uint8Array): ChannelMessage | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(24);
  const hasId = length >= WITH_ID;
  const senderAt = HEADER_BYTES + (hasId ? ID_BYTES : 0);
  const dataAt = senderAt + (hasId ? length - WITH_ID : length);
  if (dataAt > bytes.length) return undefined;
  const sequence = view.getFloat64(0);
  return {
    data: bytes.slice(dataAt),
    sender: bytes.slice(senderAt, dataAt),
    id: hasId ? encodeBase64url(bytes.subarray(HEADER_BYTES, senderAt)) : String(sequence),
    sequence,
    epoch: view.getBigUint64(8),
    recordedAt: view.getFloat64(16),
  };
}
