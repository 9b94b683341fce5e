import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ConnectRequestSchema } from "../../gen/skytale/relay/v1/relay_pb.js";
import { FrameError } from "./frame-error.ts";
import { checkCount } from "./limits.ts";
import { Reader } from "./reader.ts";
import { bytesFieldLength, numberFieldLength, Writer } from "./writer.ts";

/** Messages for one channel. */
export interface PublishBatch {
  readonly channel: string;
  readonly firstNumber: number;
  /** Encoded separately. */
  readonly messages: readonly Uint8Array[];
}

export interface Subscribe {
  readonly subscription: number;
  readonly channel: string;
  /** 0: now. */
  readonly from: number;
  readonly credit: number;
  /** Evicted messages are delivered as markers. Default `false`, as for clients that don't know markers. */
  readonly takesEvicted?: boolean;
}

export interface Credit {
  readonly subscription: number;
  readonly amount: number;
}

/** `skytale.relay.v1.ConnectRequest`: what a client sends in one frame. */
export interface ClientFrame {
  readonly token?: string | undefined;
  readonly subscribes: readonly Subscribe[];
  readonly unsubscribes: readonly number[];
  readonly credits: readonly Credit[];
  readonly publishes: readonly PublishBatch[];
  /** 0: none. */
  readonly ping: number;
}

const CREDITS = 4;
const PUBLISHES = 5;
const MESSAGES = 3;

/** Encodes publishes and credits directly, since most frames consist of them; generated code encodes the other fields. */
export function encodeClientFrame(frame: Partial<ClientFrame>): Uint8Array {
  const { credits = [], publishes = [] } = frame;
  const rest = encodeRest(frame);
  const batches = publishes.map(({ channel, firstNumber, messages }) => ({
    channel: Buffer.from(channel),
    firstNumber,
    messages,
    length: 0,
  }));
  let length = rest.length;
  for (const batch of batches) {
    batch.length = bytesFieldLength(batch.channel.length) + numberFieldLength(batch.firstNumber);
    for (const message of batch.messages) batch.length += bytesFieldLength(message.length);
    length += bytesFieldLength(batch.length);
  }
  for (const credit of credits) length += bytesFieldLength(creditLength(credit));
  const writer = new Writer(length);
  writer.raw(rest);
  for (const credit of credits) {
    writer.header(CREDITS, creditLength(credit));
    writer.number(1, credit.subscription);
    writer.number(2, credit.amount);
  }
  for (const batch of batches) {
    writer.header(PUBLISHES, batch.length);
    writer.field(1, batch.channel);
    writer.number(2, batch.firstNumber);
    for (const message of batch.messages) writer.field(MESSAGES, message);
  }
  return writer.bytes;
}

/** @throws FrameError */
export function decodeClientFrame(bytes: Uint8Array): ClientFrame {
  const reader = new Reader(bytes);
  const credits: Credit[] = [];
  const publishes: PublishBatch[] = [];
  const rest: Uint8Array[] = [];
  for (let parts = 1; reader.next(); parts++) {
    checkCount(parts);
    if (reader.field === CREDITS) credits.push(decodeCredit(reader.message()));
    else if (reader.field === PUBLISHES) publishes.push(decodeBatch(reader.message()));
    else rest.push(reader.raw());
  }
  // The spread comes last: see "Objects" in bench/README.md.
  return { credits, publishes, ...decodeRest(rest) };
}

function creditLength({ subscription, amount }: Credit): number {
  return numberFieldLength(subscription) + numberFieldLength(amount);
}

function decodeCredit(reader: Reader): Credit {
  let subscription = 0;
  let amount = 0;
  while (reader.next()) {
    if (reader.field === 1) subscription = reader.number();
    else if (reader.field === 2) amount = reader.number();
    else reader.skip();
  }
  return { subscription, amount };
}

function decodeBatch(reader: Reader): PublishBatch {
  let channel = "";
  let firstNumber = 0;
  const messages: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.field === 1) channel = utf8(reader.bytes());
    else if (reader.field === 2) firstNumber = reader.number();
    else if (reader.field === MESSAGES) checkCount(messages.push(reader.bytes()));
    else reader.skip();
  }
  return { channel, firstNumber, messages };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function utf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FrameError("a string is not UTF-8");
  }
}

const NOTHING = new Uint8Array();

function encodeRest({ token, subscribes = [], unsubscribes = [], ping = 0 }: Partial<ClientFrame>): Uint8Array {
  if (token === undefined && subscribes.length === 0 && unsubscribes.length === 0 && ping === 0) return NOTHING;
  return toBinary(
    ConnectRequestSchema,
    create(ConnectRequestSchema, {
      token: token ?? "",
      subscribes: subscribes.map(({ subscription, channel, from, credit, takesEvicted = false }) => ({
        subscription,
        channel,
        fromSequence: BigInt(from),
        credit: BigInt(credit),
        takesEvicted,
      })),
      unsubscribes: unsubscribes.map((subscription) => ({ subscription })),
      ping: BigInt(ping),
    }),
  );
}

function decodeRest(fields: readonly Uint8Array[]): Omit<ClientFrame, "credits" | "publishes"> {
  if (fields.length === 0) return { subscribes: [], unsubscribes: [], ping: 0 };
  const { token, subscribes, unsubscribes, ping } = generated(() =>
    fromBinary(ConnectRequestSchema, Buffer.concat(fields), { readUnknownFields: false }),
  );
  return {
    token: token === "" ? undefined : token,
    subscribes: subscribes.map(({ subscription, channel, fromSequence, credit, takesEvicted }) => ({
      subscription,
      channel,
      from: exact(fromSequence),
      credit: exact(credit),
      takesEvicted,
    })),
    unsubscribes: unsubscribes.map(({ subscription }) => subscription),
    ping: exact(ping),
  };
}

/** Runs generated code and converts its errors to a FrameError. */
export function generated<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new FrameError("a message is malformed", { cause });
  }
}

/** @throws FrameError for a number above 2^53 - 1. Valid counters of this protocol stay below. */
export function exact(value: bigint): number {
  if (value > Number.MAX_SAFE_INTEGER) throw new FrameError("a number is too large");
  return Number(value);
}
