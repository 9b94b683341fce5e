import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { ConnectRequestSchema, ConnectResponseSchema, FetchRangeResponseSchema } from "../../gen/skytale/relay/v1/relay_pb.js";
import { type ClientFrame, decodeClientFrame, encodeClientFrame } from "../../src/wire/client-frame.ts";
import { FrameError } from "../../src/wire/frame-error.ts";
import { encodeMessage } from "../../src/wire/message-codec.ts";
import { decodeRange, encodeRange } from "../../src/wire/range-codec.ts";
import { decodeServerFrame, encodeAcks, encodeControl, encodeDelivery, type ServerFrame } from "../../src/wire/server-frame.ts";
import { clientFrame, counter, damaged, outgoing, serverFrame } from "./arbitraries.ts";

function encodeServerFrame(frame: ServerFrame): Uint8Array {
  return Buffer.concat([encodeControl(frame), ...frame.deliveries.map(encodeDelivery), encodeAcks(frame.acks)]);
}

/** Converts buffers and byte arrays to plain arrays, for comparison. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? [...value]
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).flatMap(([name, member]) => (name.startsWith("$") ? [] : [[name, plain(member)]])))
        : value;

describe("frames of clients", () => {
  it("are decoded as they were encoded", () => {
    fc.assert(
      fc.property(clientFrame, (frame) => {
        expect(plain(decodeClientFrame(encodeClientFrame(frame)))).toEqual(plain(frame));
      }),
    );
  });

  it("are compatible with the generated code", () => {
    const encoded = outgoing.map(encodeMessage);
    const frames = clientFrame.chain((frame) =>
      fc
        .array(encoded, { maxLength: 3 })
        .map((messages): ClientFrame => ({ ...frame, publishes: frame.publishes.map((batch) => ({ ...batch, messages })) })),
    );
    fc.assert(
      fc.property(frames, (frame) => {
        const own = encodeClientFrame(frame);
        const read = fromBinary(ConnectRequestSchema, own);
        expect(read.publishes.map(({ channel, firstNumber }) => [channel, Number(firstNumber)])).toEqual(
          frame.publishes.map(({ channel, firstNumber }) => [channel, firstNumber]),
        );
        // The generated code may order the fields differently.
        expect(plain(decodeClientFrame(toBinary(ConnectRequestSchema, read)))).toEqual(plain(frame));
      }),
    );
  });

  it("that are damaged are either decoded or rejected with a FrameError", () => {
    fc.assert(
      fc.property(damaged(clientFrame.map(encodeClientFrame)), (bytes) => expectDecodedOrRejected(() => decodeClientFrame(bytes))),
      {
        numRuns: gateOrSoak(200, 20_000),
      },
    );
  });
});

describe("frames of relays", () => {
  it("are decoded as they were encoded", () => {
    fc.assert(
      fc.property(serverFrame, (frame) => {
        expect(plain(decodeServerFrame(encodeServerFrame(frame)))).toEqual(plain(frame));
      }),
    );
  });

  it("are compatible with the generated code", () => {
    fc.assert(
      fc.property(serverFrame, (frame) => {
        const withMessages = { ...frame, deliveries: frame.deliveries.map((batch) => ({ ...batch, messages: [] })) };
        const read = fromBinary(ConnectResponseSchema, encodeServerFrame(withMessages));
        expect(plain(decodeServerFrame(toBinary(ConnectResponseSchema, read)))).toEqual(plain(withMessages));
      }),
    );
  });

  it("that are damaged are either decoded or rejected with a FrameError", () => {
    fc.assert(
      fc.property(damaged(serverFrame.map(encodeServerFrame)), (bytes) => expectDecodedOrRejected(() => decodeServerFrame(bytes))),
      {
        numRuns: gateOrSoak(200, 20_000),
      },
    );
  });
});

describe("ranges", () => {
  const range = fc.record({
    first: counter,
    messages: fc.array(outgoing.map(encodeMessage), { maxLength: 4 }),
    head: fc.record({ first: counter, next: counter }),
  });

  it("are decoded as they were encoded, and are compatible with the generated code", () => {
    fc.assert(
      fc.property(range, (value) => {
        const bytes = encodeRange(value);
        expect(plain(decodeRange(bytes))).toEqual(plain(value));
        const read = fromBinary(FetchRangeResponseSchema, bytes);
        expect([read.firstSequence, read.head?.firstSequence, read.head?.nextSequence, read.messages.length]).toEqual([
          BigInt(value.first),
          BigInt(value.head.first),
          BigInt(value.head.next),
          value.messages.length,
        ]);
      }),
    );
  });

  it("that are damaged are either decoded or rejected with a FrameError", () => {
    fc.assert(fc.property(damaged(range.map(encodeRange)), (bytes) => expectDecodedOrRejected(() => decodeRange(bytes))));
  });
});

describe("frames with too many parts are rejected", () => {
  const many = (part: readonly number[]): Uint8Array => Buffer.alloc(200_000, Buffer.from(part));

  it.each([
    ["batches", [0x2a, 0x00]],
    ["credits", [0x22, 0x00]],
    ["subscribes", [0x12, 0x00]],
    ["unknown fields", [0x50, 0x00]],
  ])("%s of a client", (_what, part) => {
    expect(() => decodeClientFrame(many(part))).toThrow(FrameError);
  });

  it("messages of one batch", () => {
    const messages = many([0x1a, 0x00]);
    const length = [0xc0, 0x9a, 0x0c];
    expect(() => decodeClientFrame(Buffer.concat([Buffer.from([0x2a, ...length]), messages]))).toThrow(
      new FrameError("a frame has too many parts"),
    );
  });

  it("deliveries of a relay", () => {
    expect(() => decodeServerFrame(many([0x2a, 0x00]))).toThrow(FrameError);
  });
});

it("a channel name that is not UTF-8 is rejected", () => {
  expect(() => decodeClientFrame(Uint8Array.from([0x2a, 0x03, 0x0a, 0x01, 0xff]))).toThrow(FrameError);
});

function expectDecodedOrRejected(read: () => unknown): void {
  expect(failureOf(read)).toSatisfy((error) => error === undefined || error instanceof FrameError);
}

function failureOf(read: () => unknown): unknown {
  try {
    read();
    return undefined;
  } catch (error) {
    return error;
  }
}
