import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { Kind as GeneratedKind, MessageSchema } from "../../gen/skytale/relay/v1/relay_pb.js";
import { type Kind, kindOf } from "../../src/kind.ts";
import { FrameError } from "../../src/wire/frame-error.ts";
import { readMessage, sequenceAfter } from "../../src/relay-message.ts";
import { decodeMessage, encodeEvicted, encodeMessage, recordedMessages } from "../../src/wire/message-codec.ts";
import { counter, damaged, outgoing } from "./arbitraries.ts";

const plain = (bytes: Uint8Array): number[] => [...bytes];

function generatedView(bytes: Uint8Array) {
  const { kind, epoch, payload, idempotencyKey, supersedes, recipients, recordedAtMs } = fromBinary(MessageSchema, bytes);
  return {
    kind: kindOf(kind),
    epoch,
    payload: plain(payload),
    key: plain(idempotencyKey),
    supersedes,
    recipients: recipients.map(plain),
    recordedAt: recordedAtMs,
  };
}

function ownView(bytes: Uint8Array) {
  const { kind, epoch, payload, key, supersedes, recipients, recordedAt } = decodeMessage(bytes);
  return {
    kind,
    epoch,
    payload: plain(payload),
    key: plain(key),
    supersedes: BigInt(supersedes),
    recipients: recipients.map(plain),
    recordedAt: BigInt(recordedAt),
  };
}

const GENERATED: Record<Kind, GeneratedKind> = {
  application: GeneratedKind.APPLICATION,
  commit: GeneratedKind.COMMIT,
  proposal: GeneratedKind.PROPOSAL,
  welcome: GeneratedKind.WELCOME,
};

/** The decoded message, or `rejected`. */
function attempt(read: () => ReturnType<typeof ownView>): Partial<ReturnType<typeof ownView>> & { readonly rejected?: true } {
  try {
    return read();
  } catch (error) {
    if (error instanceof FrameError) return { rejected: true };
    throw error;
  }
}

describe("messages", () => {
  it("are compatible with the generated code in both directions", () => {
    fc.assert(
      fc.property(outgoing, (message) => {
        const expected = {
          ...message,
          payload: plain(message.payload),
          key: plain(message.key),
          recipients: message.recipients.map(plain),
        };
        const bytes = encodeMessage(message);
        expect(generatedView(bytes)).toEqual({ ...expected, supersedes: BigInt(message.supersedes), recordedAt: 0n });
        const { kind, epoch, payload, key, supersedes, recipients } = message;
        const generated = toBinary(
          MessageSchema,
          create(MessageSchema, {
            kind: GENERATED[kind],
            epoch,
            payload,
            idempotencyKey: key,
            supersedes: BigInt(supersedes),
            recipients: [...recipients],
          }),
        );
        expect(ownView(generated)).toEqual({ ...expected, supersedes: BigInt(message.supersedes), recordedAt: 0n });
      }),
    );
  });

  it("get the recording time, regardless of the publisher's claim", () => {
    fc.assert(
      fc.property(fc.array(outgoing, { maxLength: 4 }), counter, (messages, time) => {
        const claimed = messages.map((message) => Buffer.concat([encodeMessage(message), Buffer.from([15 * 8, 42])]));
        const recorded = recordedMessages(claimed, time);
        // A time of 0 is omitted, so that the claim remains.
        const expected = time === 0 ? 42 : time;
        expect(recorded.map((bytes) => decodeMessage(bytes).recordedAt)).toEqual(messages.map(() => expected));
        expect(recorded.map((bytes) => Number(fromBinary(MessageSchema, bytes).recordedAtMs))).toEqual(messages.map(() => expected));
      }),
    );
  });

  it("that are damaged are either rejected or decoded like the generated code does", () => {
    fc.assert(
      fc.property(damaged(outgoing.map(encodeMessage)), (bytes) => {
        const { recordedAt, ...own } = attempt(() => ownView(bytes));
        const { recordedAt: _generatedAt, ...generated } = own.rejected === undefined ? generatedView(bytes) : { ...own, recordedAt };
        expect(own).toEqual(generated);
      }),
      { numRuns: gateOrSoak(200, 20_000) },
    );
  });

  it.each([
    ["a tag alone", [0x0a]],
    ["field 0", [0x00, 0x00]],
    ["bytes that end early", [0x1a, 0x05, 0x01]],
    ["a length of 2^40", [0x1a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ["a varint without an end", [0x10, ...Array.from({ length: 11 }, () => 0xff)]],
    ["a group", [0x0b, 0x0c]],
    ["bytes instead of a number", [0x12, 0x00]],
    ["a number instead of bytes", [0x18, 0x00]],
    ["a sequence beyond 2^53", [0x28, ...Array.from({ length: 8 }, () => 0xff), 0x01]],
  ])("with %s are rejected", (_what, bytes) => {
    expect(() => decodeMessage(Uint8Array.from(bytes))).toThrow(FrameError);
  });

  it("may have unknown fields", () => {
    const unknown = Buffer.from([0x50, 0x01, 0x5a, 0x01, 0x00, 0x65, 0, 0, 0, 0, 0x69, 0, 0, 0, 0, 0, 0, 0, 0]);
    const message = encodeMessage({
      kind: "proposal",
      epoch: 7n,
      payload: Buffer.from("x"),
      key: Buffer.from("k"),
      supersedes: 0,
      recipients: [],
    });
    expect(decodeMessage(Buffer.concat([unknown, message, unknown]))).toMatchObject({ kind: "proposal", epoch: 7n });
  });

  it("with too many recipients are rejected", () => {
    expect(() => decodeMessage(Buffer.alloc(100_000, Buffer.from([0x32, 0x00])))).toThrow(FrameError);
  });
});

describe("a marker of evicted messages", () => {
  it("is decoded to the number of evicted messages, as by the generated code", () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat().map((number) => Math.max(1, number)),
        (count) => {
          const marker = encodeEvicted(count);
          expect(Number(fromBinary(MessageSchema, marker).evicted)).toBe(count);
          expect(readMessage(5, marker)).toMatchObject({ sequence: 5, kind: "evicted", evicted: count, payload: new Uint8Array() });
          expect(sequenceAfter({ sequence: 5, evicted: count })).toBe(5 + count);
        },
      ),
    );
  });

  it("is not decoded as a message with a payload, for any other fields", () => {
    fc.assert(
      fc.property(outgoing, (message) => {
        const read = readMessage(5, Buffer.concat([encodeMessage(message), encodeEvicted(100)]));
        expect(read.kind).toBe(message.kind);
        expect(sequenceAfter(read)).toBe(6);
      }),
    );
  });
});
