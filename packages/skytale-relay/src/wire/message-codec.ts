import { type Kind, kindNumber, kindOf } from "../kind.ts";
import { checkCount } from "./limits.ts";
import { Reader } from "./reader.ts";
import { Slab } from "./slab.ts";
import { bigintFieldLength, bytesFieldLength, numberFieldLength, Writer } from "./writer.ts";

/** `skytale.relay.v1.Message`. Bytes are views of the decoded buffer. */
export interface WireMessage {
  /** Undefined if it is missing or unknown to this version. */
  readonly kind: Kind | undefined;
  readonly epoch: bigint;
  readonly payload: Uint8Array;
  readonly key: Uint8Array;
  /** 0: none. */
  readonly supersedes: number;
  readonly recipients: readonly Uint8Array[];
  /** Number of evicted messages that this marker stands for; 0 for a message. */
  readonly evicted: number;
  /** 0 before the relay has recorded the message. */
  readonly recordedAt: number;
}

/** A message to publish. */
export interface OutgoingMessage {
  readonly kind: Kind;
  readonly epoch: bigint;
  readonly payload: Uint8Array;
  readonly key: Uint8Array;
  readonly supersedes: number;
  readonly recipients: readonly Uint8Array[];
}

const NOTHING: Uint8Array = new Uint8Array();
const NO_RECIPIENTS: readonly Uint8Array[] = [];

export function encodeMessage({ kind, epoch, payload, key, supersedes, recipients }: OutgoingMessage): Uint8Array {
  let length =
    2 + bigintFieldLength(epoch) + bytesFieldLength(payload.length) + bytesFieldLength(key.length) + numberFieldLength(supersedes);
  for (const recipient of recipients) length += bytesFieldLength(recipient.length);
  const writer = new Writer(length);
  writer.number(1, kindNumber(kind));
  writer.bigint(2, epoch);
  writer.field(3, payload);
  writer.field(4, key);
  writer.number(5, supersedes);
  for (const recipient of recipients) writer.field(6, recipient);
  return writer.bytes;
}

/** @throws FrameError */
export function decodeMessage(bytes: Uint8Array): WireMessage {
  const reader = new Reader(bytes);
  let kind = 0;
  let epoch = 0n;
  let payload = NOTHING;
  let key = NOTHING;
  let supersedes = 0;
  let recipients: Uint8Array[] | undefined;
  let evicted = 0;
  let recordedAt = 0;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        kind = Number(reader.bigint());
        break;
      case 2:
        epoch = reader.bigint();
        break;
      case 3:
        payload = reader.bytes();
        break;
      case 4:
        key = reader.bytes();
        break;
      case 5:
        supersedes = reader.number();
        break;
      case 6:
        recipients ??= [];
        recipients.push(reader.bytes());
        checkCount(recipients.length);
        break;
      case 7:
        evicted = reader.number();
        break;
      case 15:
        recordedAt = Number(BigInt.asIntN(64, reader.bigint()));
        break;
      default:
        reader.skip();
    }
  }
  return { kind: kindOf(kind), epoch, payload, key, supersedes, recipients: recipients ?? NO_RECIPIENTS, evicted, recordedAt };
}

/** Encodes the marker in place of evicted messages that follow one another. */
export function encodeEvicted(count: number): Uint8Array {
  const writer = new Writer(numberFieldLength(count));
  writer.number(7, count);
  return writer.bytes;
}

/** Most bytes that {@link recordedMessages} adds to a message. */
const STAMP_LENGTH = 9;
/** Logs in memory keep the messages. */
const recorded = new Slab();

/**
 * Appends the recording time to encoded messages, in one shared buffer. A time claimed by the publisher is overridden, because the last
 * occurrence of a field wins.
 */
export function recordedMessages(encoded: readonly Uint8Array[], recordedAt: number): Uint8Array[] {
  let length = 0;
  for (const message of encoded) length += message.length + STAMP_LENGTH;
  const writer = new Writer(length, recorded.allocate(length));
  return encoded.map((message) => {
    const start = writer.at;
    writer.raw(message);
    writer.number(15, recordedAt);
    return writer.bytes.subarray(start, writer.at);
  });
}
