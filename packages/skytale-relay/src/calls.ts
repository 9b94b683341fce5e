import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AckWelcomesRequestSchema,
  FetchRangeRequestSchema,
  FetchWelcomesRequestSchema,
  FetchWelcomesResponseSchema,
  GetHeadsRequestSchema,
  GetHeadsResponseSchema,
} from "../gen/skytale/relay/v1/relay_pb.js";
import { RangeGoneError, RelayError } from "./relay-error.ts";
import { readMessage, type RelayMessage } from "./relay-message.ts";
import { exact, generated } from "./wire/client-frame.ts";
import { FrameError } from "./wire/frame-error.ts";
import { decodeRange } from "./wire/range-codec.ts";

/** What a channel's log holds: `first` up to, not including, `next`. Equal: nothing. */
export interface ChannelHead {
  readonly first: number;
  readonly next: number;
}

/** A part of a channel's log. */
export interface MessageRange {
  /** In the order of the log, without gaps, from the sequence asked for. Empty when that is not recorded yet. */
  readonly messages: readonly RelayMessage[];
  readonly head: ChannelHead;
}

/** A welcome that waits. */
export interface RelayWelcome {
  /** For the acknowledgement, together with the recipient. */
  readonly id: Uint8Array;
  /** The reference of the key package that it answers. */
  readonly recipient: Uint8Array;
  readonly payload: Uint8Array;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
}

export function rangeRequest(channel: string, from: number, limit: number): Uint8Array {
  return toBinary(FetchRangeRequestSchema, create(FetchRangeRequestSchema, { channel, fromSequence: BigInt(from), limit }));
}

/** @throws RelayError `range_gone`, `protocol_error` */
export function readRange(bytes: Uint8Array, from: number): MessageRange {
  return readable(() => {
    const { first, messages, head } = decodeRange(bytes);
    if (from < head.first) throw new RangeGoneError(head.first);
    if (first !== from) throw new FrameError("it is not the range asked for");
    return { messages: messages.map((encoded, index) => readMessage(first + index, encoded)), head };
  });
}

export function headsRequest(channels: readonly string[]): Uint8Array {
  return toBinary(GetHeadsRequestSchema, create(GetHeadsRequestSchema, { channels: [...channels] }));
}

/** @throws RelayError `protocol_error` */
export function readHeads(bytes: Uint8Array, count: number): ChannelHead[] {
  return readable(() => {
    const { heads } = generated(() => fromBinary(GetHeadsResponseSchema, bytes));
    if (heads.length !== count) throw new FrameError("there is not a head for each channel");
    return heads.map(({ firstSequence, nextSequence }) => ({ first: exact(firstSequence), next: exact(nextSequence) }));
  });
}

export function welcomesRequest(channel: string, recipients: readonly Uint8Array[], waitMs: number): Uint8Array {
  return toBinary(FetchWelcomesRequestSchema, create(FetchWelcomesRequestSchema, { channel, recipients: [...recipients], waitMs }));
}

/** @throws RelayError `protocol_error` */
export function readWelcomes(bytes: Uint8Array): RelayWelcome[] {
  return readable(() => {
    const { welcomes } = generated(() => fromBinary(FetchWelcomesResponseSchema, bytes));
    return welcomes.map(({ id, recipient, payload, recordedAtMs }) => ({
      id: Uint8Array.from(id),
      recipient: Uint8Array.from(recipient),
      payload: Uint8Array.from(payload),
      recordedAt: Number(recordedAtMs),
    }));
  });
}

export function ackWelcomesRequest(channel: string, welcomes: readonly Pick<RelayWelcome, "id" | "recipient">[]): Uint8Array {
  return toBinary(
    AckWelcomesRequestSchema,
    create(AckWelcomesRequestSchema, { channel, welcomes: welcomes.map(({ id, recipient }) => ({ id, recipient })) }),
  );
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    throw new RelayError("protocol_error", `The relay's answer can't be read: ${error.message}`, { cause: error });
  }
}
