import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Code, ConnectResponseSchema } from "../../gen/skytale/relay/v1/relay_pb.js";
import { exact, generated } from "./client-frame.ts";
import { checkCount } from "./limits.ts";
import { Reader } from "./reader.ts";
import { bigintFieldLength, bytesFieldLength, numberFieldLength, Writer } from "./writer.ts";

export interface Opened {
  readonly maxPayloadBytes: number;
  readonly maxFrameBytes: number;
  readonly maxSubscriptions: number;
  readonly tokenLifetimeMs: number;
  readonly idleTimeoutMs: number;
}

export interface Subscribed {
  readonly subscription: number;
  readonly next: number;
  readonly head: number;
}

export interface SubscriptionEnded {
  readonly subscription: number;
  readonly code: Code;
  readonly first: number;
}

export interface DeliveryBatch {
  readonly subscription: number;
  readonly cost: number;
  readonly first: number;
  /** Encoded separately. */
  readonly messages: readonly Uint8Array[];
  /** The sequence after the last message. Set if markers of evicted messages are among them, which stand for several sequences. */
  readonly next?: number | undefined;
}

export interface PublishAck {
  readonly firstNumber: number;
  readonly count: number;
  /** 0 for Welcomes, which have no sequence. */
  readonly firstSequence: number;
  /** 0: unknown. */
  readonly logEpoch: bigint;
  readonly repeated: boolean;
}

export interface PublishNack {
  readonly number: number;
  readonly code: Code;
  readonly currentEpoch: bigint;
  readonly winner: number;
}

/** `skytale.relay.v1.ConnectResponse`: what a relay sends in one frame. */
export interface ServerFrame {
  readonly opened?: Opened | undefined;
  readonly tokenLifetimeMs?: number | undefined;
  readonly subscribed: readonly Subscribed[];
  readonly ended: readonly SubscriptionEnded[];
  readonly deliveries: readonly DeliveryBatch[];
  readonly acks: readonly PublishAck[];
  readonly nacks: readonly PublishNack[];
  /** 0: none. */
  readonly pong: number;
  readonly draining: boolean;
}

const DELIVERIES = 5;
const MESSAGES = 4;
const ACKS = 6;

/** Encodes a frame with one delivery. Encoded frames can be concatenated into one. */
export function encodeDelivery({ subscription, cost, first, messages, next = 0 }: DeliveryBatch): Uint8Array {
  let content = numberFieldLength(subscription) + numberFieldLength(cost) + numberFieldLength(first) + numberFieldLength(next);
  for (const message of messages) content += bytesFieldLength(message.length);
  const writer = new Writer(bytesFieldLength(content));
  writer.header(DELIVERIES, content);
  writer.number(1, subscription);
  writer.number(2, cost);
  writer.number(3, first);
  for (const message of messages) writer.field(MESSAGES, message);
  writer.number(5, next);
  return writer.bytes;
}

/** Encodes a frame with acknowledgements. Encoded frames can be concatenated into one. */
export function encodeAcks(acks: readonly PublishAck[]): Uint8Array {
  const lengths = acks.map(
    ({ firstNumber, count, firstSequence, logEpoch, repeated }) =>
      numberFieldLength(firstNumber) +
      numberFieldLength(count) +
      numberFieldLength(firstSequence) +
      bigintFieldLength(logEpoch) +
      numberFieldLength(Number(repeated)),
  );
  const writer = new Writer(lengths.reduce((sum, length) => sum + bytesFieldLength(length), 0));
  for (const [index, { firstNumber, count, firstSequence, logEpoch, repeated }] of acks.entries()) {
    writer.header(ACKS, lengths[index] ?? 0);
    writer.number(1, firstNumber);
    writer.number(2, count);
    writer.number(3, firstSequence);
    writer.bigint(4, logEpoch);
    writer.number(5, Number(repeated));
  }
  return writer.bytes;
}

/** Encodes a frame without deliveries and acknowledgements. Encoded frames can be concatenated into one. */
export function encodeControl(frame: Partial<Omit<ServerFrame, "deliveries" | "acks">>): Uint8Array {
  const { opened, tokenLifetimeMs, subscribed = [], ended = [], nacks = [], pong = 0, draining = false } = frame;
  return toBinary(
    ConnectResponseSchema,
    create(ConnectResponseSchema, {
      ...(opened !== undefined && { opened: { ...opened, tokenLifetimeMs: BigInt(opened.tokenLifetimeMs) } }),
      ...(tokenLifetimeMs !== undefined && { tokenAccepted: { tokenLifetimeMs: BigInt(tokenLifetimeMs) } }),
      subscribed: subscribed.map(({ subscription, next, head }) => ({
        subscription,
        nextSequence: BigInt(next),
        headSequence: BigInt(head),
      })),
      ended: ended.map(({ subscription, code, first }) => ({ subscription, code, firstSequence: BigInt(first) })),
      nacks: nacks.map(({ number, code, currentEpoch, winner }) => ({
        number: BigInt(number),
        code,
        currentEpoch,
        winnerSequence: BigInt(winner),
      })),
      pong: BigInt(pong),
      draining,
    }),
  );
}

/** @throws FrameError */
export function decodeServerFrame(bytes: Uint8Array): ServerFrame {
  const reader = new Reader(bytes);
  const deliveries: DeliveryBatch[] = [];
  const acks: PublishAck[] = [];
  const rest: Uint8Array[] = [];
  for (let parts = 1; reader.next(); parts++) {
    checkCount(parts);
    if (reader.field === DELIVERIES) deliveries.push(decodeDelivery(reader.message()));
    else if (reader.field === ACKS) acks.push(decodeAck(reader.message()));
    else rest.push(reader.raw());
  }
  // The spread comes last: see "Objects" in bench/README.md.
  return { deliveries, acks, ...decodeControl(rest) };
}

function decodeDelivery(reader: Reader): DeliveryBatch {
  let subscription = 0;
  let cost = 0;
  let first = 0;
  let next: number | undefined;
  const messages: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.field === 1) subscription = reader.number();
    else if (reader.field === 2) cost = reader.number();
    else if (reader.field === 3) first = reader.number();
    else if (reader.field === MESSAGES) checkCount(messages.push(reader.bytes()));
    else if (reader.field === 5) next = reader.number();
    else reader.skip();
  }
  return { subscription, cost, first, messages, next: next === 0 ? undefined : next };
}

function decodeAck(reader: Reader): PublishAck {
  let firstNumber = 0;
  let count = 0;
  let firstSequence = 0;
  let logEpoch = 0n;
  let repeated = false;
  while (reader.next()) {
    if (reader.field === 1) firstNumber = reader.number();
    else if (reader.field === 2) count = reader.number();
    else if (reader.field === 3) firstSequence = reader.number();
    else if (reader.field === 4) logEpoch = reader.bigint();
    else if (reader.field === 5) repeated = reader.bigint() !== 0n;
    else reader.skip();
  }
  return { firstNumber, count, firstSequence, logEpoch, repeated };
}

function decodeControl(fields: readonly Uint8Array[]): Omit<ServerFrame, "deliveries" | "acks"> {
  if (fields.length === 0) return { subscribed: [], ended: [], nacks: [], pong: 0, draining: false };
  const frame = generated(() => fromBinary(ConnectResponseSchema, Buffer.concat(fields), { readUnknownFields: false }));
  return {
    opened: frame.opened && { ...frame.opened, tokenLifetimeMs: exact(frame.opened.tokenLifetimeMs) },
    tokenLifetimeMs: frame.tokenAccepted && exact(frame.tokenAccepted.tokenLifetimeMs),
    subscribed: frame.subscribed.map(({ subscription, nextSequence, headSequence }) => ({
      subscription,
      next: exact(nextSequence),
      head: exact(headSequence),
    })),
    ended: frame.ended.map(({ subscription, code, firstSequence }) => ({ subscription, code, first: exact(firstSequence) })),
    nacks: frame.nacks.map(({ number, code, currentEpoch, winnerSequence }) => ({
      number: exact(number),
      code,
      currentEpoch,
      winner: exact(winnerSequence),
    })),
    pong: exact(frame.pong),
    draining: frame.draining,
  };
}
