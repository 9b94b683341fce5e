import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkChannelName, isGroupOf, newGroupId } from "../src/channel-name.ts";
import { decodeCursor, encodeCursor } from "../src/channel/log-cursor.ts";
import { decodeStored, encodeStored } from "../src/channel/channel-message.ts";
import { decodeWelcome, encodeWelcome } from "../src/welcome-bundle.ts";

const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
const sequence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const epoch = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64url"));

function codeOf(call: () => unknown): unknown {
  try {
    call();
    return "none";
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
}

describe("a channel's name", () => {
  it.each(["acme/team/general", "a/b/c", "org/ns/~tilde!", `${"a".repeat(128)}/b/c`])("may be %s", (name) => {
    expect(() => checkChannelName(name)).not.toThrow();
  });

  const rules = ", each of 1 to 128 printable ASCII characters without spaces";

  it.each([
    ...["bad-name", "", "a/b", "a/b/c/d"].map((name) => [name, ""]),
    ...["/b/c", "a//c", "a/b/", "a b/c/d", "é/b/c", "a/b/c\n", "a/b/c ", `${"a".repeat(129)}/b/c`].map((name) => [name, rules]),
  ])("may not be %j", (name, more) => {
    const message = `invalid channel name: ${name} (expected org/namespace/service${more})`;
    expect(() => checkChannelName(name)).toThrow(expect.objectContaining({ name: "ChannelError", code: "bad_request", message }));
  });

  it("is truncated in error messages", () => {
    expect(() => checkChannelName("x".repeat(100_000))).toThrow(/^invalid channel name: x{400}… \(expected/);
  });

  it("is bound into the group id", () => {
    const id = newGroupId("acme/team/general");
    expect(isGroupOf(id, "acme/team/general")).toBe(true);
    expect(isGroupOf(id, "acme/team/other")).toBe(false);
    expect(isGroupOf(id.subarray(1), "acme/team/general")).toBe(false);
    expect(newGroupId("acme/team/general")).not.toEqual(id);
  });
});

describe("a welcome", () => {
  it("survives encoding and decoding", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 100, unit: "binary-ascii" }), sequence, anyBytes, (channel, from, welcome) => {
        expect(decodeWelcome(encodeWelcome({ channel, from, welcome }))).toEqual({ channel, from, welcome });
      }),
    );
  });

  it("can be a bare MLS Welcome without a log position", () => {
    const welcome = new Uint8Array([0, 1, 0, 3, 9, 9]);
    expect(decodeWelcome(welcome)).toEqual({ channel: undefined, from: 1, welcome });
  });

  const whole = encodeWelcome({ channel: "a/b/c", from: 7, welcome: new Uint8Array([1]) });
  it.each([
    ["its head cut off", whole.subarray(0, 13)],
    ["its name cut off", whole.subarray(0, 16)],
    ["nothing after its name", whole.subarray(0, 19)],
    ["a sequence of 0", Uint8Array.from(whole, (byte, i) => (i >= 4 && i < 12 ? 0 : byte))],
    ["a sequence beyond what numbers hold", Uint8Array.from(whole, (byte, i) => (i >= 4 && i < 12 ? 255 : byte))],
    ["a name longer than any", Uint8Array.from(whole, (byte, i) => (i === 12 ? 255 : byte))],
  ])("is rejected with %s", (_what, bytes) => {
    expect(() => decodeWelcome(bytes)).toThrow(expect.objectContaining({ name: "MlsError", code: "invalid_welcome" }));
  });

  it("is decoded or rejected for arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (tail, isOurs) => {
        const bytes = isOurs ? Uint8Array.from([0x53, 0x4b, 0x57, 0x01, ...tail]) : tail;
        expect(codeOf(() => decodeWelcome(bytes))).toBeOneOf(["none", "invalid_welcome"]);
      }),
    );
  });
});

describe("a stored message", () => {
  it("survives encoding and decoding", () => {
    const message = fc.record({
      data: fc.uint8Array(),
      sender: fc.uint8Array(),
      senderKey: fc.uint8Array({ maxLength: 133 }),
      id,
      sequence,
      epoch,
      recordedAt: fc.nat(),
    });
    fc.assert(
      fc.property(message, (value) => {
        expect({ ...decodeStored(encodeStored(value)) }).toEqual(value);
      }),
    );
  });

  it("stored by an earlier version has its sequence number as id", () => {
    const row = Uint8Array.from(Buffer.from("400800000000000000000000000000054059000000000000000000026162686921", "hex"));
    expect({ ...decodeStored(row) }).toEqual({
      data: Uint8Array.from(Buffer.from("hi!")),
      sender: Uint8Array.from(Buffer.from("ab")),
      senderKey: new Uint8Array(),
      id: "3",
      sequence: 3,
      epoch: 5n,
      recordedAt: 100,
    });
    for (let length = 0; length < 30; length++) expect(decodeStored(row.subarray(0, length))).toBeUndefined();
  });

  it("stored by an earlier version with an id and no sender key is decoded", () => {
    const id = Buffer.alloc(16, 7);
    const header = Buffer.from("40080000000000000000000000000005405900000000000001000002", "hex");
    const row = Uint8Array.from(Buffer.concat([header, id, Buffer.from("abhi!")]));
    expect(decodeStored(row)).toMatchObject({ text: "hi!", senderName: "ab", senderKey: new Uint8Array(), id: id.toString("base64url") });
  });

  it("is read as text and JSON", () => {
    const stored = { senderKey: new Uint8Array(32), id: "A".repeat(22), sequence: 1, epoch: 1n, recordedAt: 1 };
    const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
    const message = decodeStored(encodeStored({ ...stored, data: utf8('{"a":"ü"}'), sender: utf8("jürgen") }));
    expect(message).toMatchObject({ text: '{"a":"ü"}', senderName: "jürgen" });
    expect(message?.json()).toEqual({ a: "ü" });
    const binary = decodeStored(encodeStored({ ...stored, data: new Uint8Array([0xff]), sender: new Uint8Array([0xff]) }));
    expect(binary).toMatchObject({ text: "\uFFFD", senderName: "base64url:_w" });
    expect(() => binary?.json()).toThrow(SyntaxError);
  });

  it("is undefined when truncated", () => {
    const message = {
      data: new Uint8Array(),
      sender: new Uint8Array(9),
      senderKey: new Uint8Array(32),
      id: "A".repeat(22),
      sequence: 1,
      epoch: 1n,
      recordedAt: 1,
    };
    const bytes = encodeStored(message);
    for (let length = 0; length < bytes.length; length++) expect(decodeStored(bytes.subarray(0, length))).toBeUndefined();
  });
});

describe("a position in the log", () => {
  it("survives encoding and decoding", () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(sequence, fc.option(hash, { nil: undefined }), fc.boolean(), (next, last, isEarlier) => {
        // Evicted entries may come after the last one.
        const at = isEarlier ? Math.floor(next / 2) : next - 1;
        const cursor = { next, last: last && { sequence: at, hash: last } };
        expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor);
      }),
    );
  });

  it("is the start of the log when it is malformed", () => {
    const start = { next: 1, last: undefined };
    for (const bytes of [undefined, new Uint8Array(), new Uint8Array(8), new Uint8Array(9), new Uint8Array(40).fill(255)]) {
      expect(decodeCursor(bytes)).toEqual(start);
    }
  });
});
