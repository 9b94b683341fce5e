import { encodeBase64url } from "@parley/core/internal";
import type { ApplicationMessage } from "@parley/mls-engine";
import type { RelayMessage } from "@parley/skytale-relay";
import { identityName } from "./identity-name.ts";

/** A message that another member sent on a channel. */
export interface ChannelMessage {
  /** What was sent. */
  readonly data: Uint8Array;
  /** {@link ChannelMessage.data} as text, from UTF-8. What isn't UTF-8 has U+FFFD in its places. */
  readonly text: string;
  /** Identity of the sender, as the group knows it; its signature has been verified. */
  readonly sender: Uint8Array;
  /** {@link ChannelMessage.sender} as text: itself where it is UTF-8, else `base64url:…`. No two identities have the same text. */
  readonly senderName: string;
  /**
   * The key that the sender signs with. It tells members apart that go by one identity: equal to the `signatureKey` of one member. Empty
   * for messages that an earlier version has stored.
   */
  readonly senderKey: Uint8Array;
  /** {@link ChannelMessage.data} as JSON. @throws SyntaxError when it isn't JSON */
  json(): unknown;
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

type Fields = Omit<ChannelMessage, "text" | "senderName" | "json">;

/** Sequence, epoch, time and length of the sender's identity. */
const HEADER_BYTES = 28;
/** Of the ciphertext's hash: nobody finds another message whose hash begins with them. */
const ID_BYTES = 16;
/** Added to the length, which is below it: the id follows. Without it, as the first version wrote it, there is none. */
const WITH_ID = 2 ** 24;
/** Added to the length too: after the id, the sender's key follows, and before it its length in a byte. */
const WITH_KEY = 2 ** 25;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** @param hash SHA-256 of the log's entry. */
export function messageOf(
  { data, senderIdentity, senderMember, epoch }: ApplicationMessage,
  { sequence, recordedAt }: Pick<RelayMessage, "sequence" | "recordedAt">,
  hash: Uint8Array,
): ChannelMessage {
  const id = encodeBase64url(hash.subarray(0, ID_BYTES));
  const sender = senderIdentity ?? new Uint8Array();
  return new ReceivedMessage({ data, sender, senderKey: senderMember.signatureKey, id, sequence, epoch, recordedAt });
}

/** As it is kept until it is taken. */
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

/** Reads {@link encodeStored}; `undefined` for bytes that aren't that. */
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

/** Decodes texts when they are asked for. */
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
