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
import { readMessage, sequenceAfter, type RelayMessage } from "./relay-message.ts";
import { exact, generated } from "./wire/client-frame.ts";
import { FrameError } from "./wire/frame-error.ts";
import { decodeRange } from "./wire/range-codec.ts";

/** The range of sequences in a channel's log: from `first` up to, not including, `next`. Equal values: the log is empty. */
export interface ChannelHead {
  readonly first: number;
  readonly next: number;
}

/** A range of a channel's log. */
export interface MessageRange {
  /** In log order, without gaps, from the requested sequence on; evicted ones as one message of kind `evicted`. Empty if that is not recorded yet. */
  readonly messages: readonly RelayMessage[];
  readonly head: ChannelHead;
}

/** A stored Welcome. */
export interface RelayWelcome {
  /** Identifies the Welcome in an acknowledgement, together with the recipient. */
  readonly id: Uint8Array;
  /** The reference of the recipient's key package. */
  readonly recipient: Uint8Array;
  readonly payload: Uint8Array;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
}

export function rangeRequest(channel: string, from: number, limit: number): Uint8Array {
  return toBinary(
    FetchRangeRequestSchema,
    create(FetchRangeRequestSchema, { channel, fromSequence: BigInt(from), limit, takesEvicted: true }),
  );
}

/** @throws RelayError `range_gone`, `protocol_error` */
export function readRange(bytes: Uint8Array, from: number): MessageRange {
  return readable(() => {
    const { first, messages, head } = decodeRange(bytes);
    if (from < head.first) throw new RangeGoneError(head.first);
    if (first !== from) throw new FrameError("it is not the requested range");
    let sequence = first;
    const read = messages.map((encoded) => {
      const message = readMessage(sequence, encoded);
      sequence = sequenceAfter(message);
      return message;
    });
    return { messages: read, head };
  });
}

export function headsRequest(channels: readonly string[]): Uint8Array {
  return toBinary(GetHeadsRequestSchema, create(GetHeadsRequestSchema, { channels: [...channels] }));
}

/** @throws RelayError `protocol_error` */
export function readHeads(bytes: Uint8Array, count: number): ChannelHead[] {
  return readable(() => {
    const { heads } = generated(() => fromBinary(GetHeadsResponseSchema, bytes));
    if (heads.length !== count) throw new FrameError("the number of heads differs from the number of channels");
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
    throw new RelayError("protocol_error", `Malformed response from the relay: ${error.message}`, { cause: error });
  }
}
