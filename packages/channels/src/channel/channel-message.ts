import { encodeBase64url } from "@parley/core/internal";
import type { ApplicationMessage } from "@parley/mls-engine";
import type { RelayMessage } from "@parley/skytale-relay";
import { identityName } from "./identity-name.ts";

/** A message that another member sent on a channel. */
export interface ChannelMessage {
  /** The message as sent. */
  readonly data: Uint8Array;
  /** {@link ChannelMessage.data} as text, decoded as UTF-8. Invalid bytes become U+FFFD. */
  readonly text: string;
  /** Identity of the sender. The message is signed by {@link ChannelMessage.senderKey}; the identity itself is claimed. */
  readonly sender: Uint8Array;
  /** {@link ChannelMessage.sender} as text: unchanged if it is valid UTF-8, otherwise `base64url:…`. */
  readonly senderName: string;
  /**
   * Signature key of the sender, verified, and equal to the `signatureKey` of one member. Base authorization on it. Empty for messages stored
   * by an earlier version.
   */
  readonly senderKey: Uint8Array;
  /** {@link ChannelMessage.data} parsed as JSON. @throws SyntaxError */
  json(): unknown;
  /**
   * Identifies the message in its channel: derived from the ciphertext, so it is the same for all members and for redeliveries, and the relay
   * cannot forge it. Use it to detect duplicates. For messages stored by an earlier version it is the `sequence`, as text.
   */
  readonly id: string;
  /** Sequence number in the channel's log: the same for all members. Increases unless the relay loses its log. */
  readonly sequence: number;
  /** Epoch in which the message was encrypted. */
  readonly epoch: bigint;
  /** When the relay recorded the message, in milliseconds since 1970. Not authenticated: set by the relay. */
  readonly recordedAt: number;
}

type Fields = Omit<ChannelMessage, "text" | "senderName" | "json">;

/** Sequence number, epoch, time, and length of the sender's identity. */
const HEADER_BYTES = 28;
/** Bytes of the ciphertext's hash: enough to make a second message with the same id infeasible. */
const ID_BYTES = 16;
/** Flag in the length field: the id follows. The first version stored none. */
const WITH_ID = 2 ** 24;
/** Flag in the length field: after the id follow the length of the sender's key, in one byte, and the key. */
const WITH_KEY = 2 ** 25;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The id of the message that an entry of the log is. @param hash SHA-256 of the entry. */
export function messageId(hash: Uint8Array): string {
  return encodeBase64url(hash.subarray(0, ID_BYTES));
}

/** @param hash SHA-256 of the log's entry. */
export function messageOf(
  { data, senderIdentity, senderMember, epoch }: ApplicationMessage,
  { sequence, recordedAt }: Pick<RelayMessage, "sequence" | "recordedAt">,
  hash: Uint8Array,
): ChannelMessage {
  const id = messageId(hash);
  const sender = senderIdentity ?? new Uint8Array();
  return new ReceivedMessage({ data, sender, senderKey: senderMember.signatureKey, id, sequence, epoch, recordedAt });
}

/** Encodes a message for the inbox. */
export function encodeStored({ data, sender, senderKey, id, sequence, epoch, recordedAt }: Fields): Uint8Array {
  const keyAt = HEADER_BYTES + ID_BYTES;
  const senderAt = keyAt + 1 + senderKey.length;
  const bytes = new Uint8Array(senderAt + sender.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, sequence);
  view.setBigUint64(8, epoch);
  view.setFloat64(16, recordedAt);
  view.setUint32(24, WITH_ID + WITH_KEY + sender.length);
  bytes.set(Buffer.from(id, "base64url"), HEADER_BYTES);
  bytes[keyAt] = senderKey.length;
  bytes.set(senderKey, keyAt + 1);
  bytes.set(sender, senderAt);
  bytes.set(data, senderAt + sender.length);
  return bytes;
}

/** Reads {@link encodeStored}; `undefined` for malformed bytes. */
export function decodeStored(bytes: Uint8Array): ChannelMessage | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flagged = view.getUint32(24);
  const hasId = (flagged & WITH_ID) !== 0;
  const hasKey = (flagged & WITH_KEY) !== 0;
  const keyAt = HEADER_BYTES + (hasId ? ID_BYTES : 0);
  const senderAt = hasKey ? keyAt + 1 + (bytes[keyAt] ?? 0) : keyAt;
  const dataAt = senderAt + (flagged % WITH_ID);
  if (flagged >= WITH_ID + 2 * WITH_KEY || dataAt > bytes.length) return undefined;
  const sequence = view.getFloat64(0);
  return new ReceivedMessage({
    data: bytes.slice(dataAt),
    sender: bytes.slice(senderAt, dataAt),
    senderKey: hasKey ? bytes.slice(keyAt + 1, senderAt) : new Uint8Array(),
    id: hasId ? encodeBase64url(bytes.subarray(HEADER_BYTES, keyAt)) : String(sequence),
    sequence,
    epoch: view.getBigUint64(8),
    recordedAt: view.getFloat64(16),
  });
}

/** Decodes texts on access. */
class ReceivedMessage implements ChannelMessage {
  readonly data: Uint8Array;
  readonly sender: Uint8Array;
  readonly senderKey: Uint8Array;
  readonly id: string;
  readonly sequence: number;
  readonly epoch: bigint;
  readonly recordedAt: number;

  constructor({ data, sender, senderKey, id, sequence, epoch, recordedAt }: Fields) {
    this.data = data;
    this.sender = sender;
    this.senderKey = senderKey;
    this.id = id;
    this.sequence = sequence;
    this.epoch = epoch;
    this.recordedAt = recordedAt;
  }

  get text(): string {
    return decoder.decode(this.data);
  }

  get senderName(): string {
    return identityName(this.sender);
  }

  json(): unknown {
    return JSON.parse(this.text);
  }
}
