import { thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "@parley/core";
import { Envelope, EnvelopeError, Protocol, type EnvelopeErrorCode } from "../src/index.ts";
import { bytes, text } from "./utf8.ts";

/** Encodes header and payload manually. */
function wire(header: string | Uint8Array, payload: Uint8Array = new Uint8Array(), length?: number): Uint8Array {
  const head = typeof header === "string" ? bytes(header) : header;
  const data = new Uint8Array(4 + head.length + payload.length);
  new DataView(data.buffer).setUint32(0, length ?? head.length, true);
  data.set(head, 4);
  data.set(payload, 4 + head.length);
  return data;
}

function expectCode(call: () => unknown, code: EnvelopeErrorCode): void {
  const error = thrownBy(call);
  expect(error).toBeInstanceOf(EnvelopeError);
  expect(error).toMatchObject({ code, retryable: false });
}

const HEADER = { protocol: "a2a", content_type: "application/json" };

describe("Envelope", () => {
  it("has the values of the five protocols", () => {
    expect(Protocol).toEqual({ RAW: "raw", A2A: "a2a", MCP: "mcp", SLIM: "slim", DIDCOMM: "didcomm" });
  });

  it("encodes the header length as four little-endian bytes, the header and the payload", () => {
    const header = '{"protocol":"a2a","content_type":"application/json","metadata":{"k":1}}';
    const envelope = new Envelope(Protocol.A2A, "application/json", bytes("payload"), { k: 1 });
    expect(envelope.serialize()).toEqual(wire(header, bytes("payload")));
    expect([...envelope.serialize().subarray(0, 4)]).toEqual([header.length, 0, 0, 0]);
  });

  it("decodes its own encoding", () => {
    const envelope = Envelope.deserialize(new Envelope(Protocol.A2A, "application/json", bytes('{"parts":[]}')).serialize());
    expect(envelope.protocol).toBe(Protocol.A2A);
    expect(envelope.contentType).toBe("application/json");
    expect(text(envelope.payload)).toBe('{"parts":[]}');
    expect(envelope.metadata).toBeUndefined();
  });

  it("copies the payload from data at any offset", () => {
    const data = new Uint8Array([9, 9, ...wire(JSON.stringify(HEADER), bytes("payload"))]).subarray(2);
    const { payload } = Envelope.deserialize(Buffer.from(data.buffer, data.byteOffset, data.length));
    data.fill(0);
    expect(payload.constructor).toBe(Uint8Array);
    expect(text(payload)).toBe("payload");
  });

  it.each([
    ["a Uint8Array", bytes("payload")],
    ["a Buffer", Buffer.from("payload")],
    ["a part of an array", bytes("a payload").subarray(2)],
  ])("is unaffected when the caller changes %s", (_name, given) => {
    const envelope = new Envelope(Protocol.RAW, "text/plain", given);
    given.fill(0);
    expect(text(envelope.payload)).toBe("payload");
    const data = bytes("no envelope");
    const wrapped = Envelope.wrap(data);
    data.fill(0);
    expect(text(wrapped.payload)).toBe("no envelope");
  });

  it("treats null metadata and headers as absent", () => {
    const envelope = new Envelope(Protocol.RAW, "text/plain", bytes("x"), null, null);
    expect([envelope.metadata, envelope.extraHeaders]).toEqual([undefined, {}]);
  });

  it.each<[unknown[], RegExp]>([
    [[undefined, "text/plain", bytes("x")], /protocol must be a string of 1 to 255 characters, not undefined/],
    [["raw", bytes("x"), "text/plain"], /content type must be a string of 1 to 255 characters, not a Uint8Array/],
    [["raw", "text/plain", "x"], /payload must be a Uint8Array, not a string; use new TextEncoder/],
    [["raw", "text/plain", [1]], /payload must be a Uint8Array, not an array/],
    [["raw", "text/plain", bytes("x"), "x"], /metadata must be a JSON object/],
  ])("describes invalid arguments: %j", (given, message) => {
    expect(() => Reflect.construct(Envelope, given) as unknown).toThrow(message);
  });

  it("preserves unknown protocols and headers", () => {
    const header = { protocol: "future/7", content_type: "x", metadata: { a: [null, { b: 1 }] }, hops: 3, trace: { id: "1" } };
    const envelope = Envelope.deserialize(wire(JSON.stringify(header)));
    expect(envelope.protocol).toBe("future/7");
    expect(envelope.extraHeaders).toEqual({ hops: 3, trace: { id: "1" } });
    expect(envelope.serialize()).toEqual(wire(JSON.stringify(header)));
  });

  it("preserves members named like those of JavaScript objects", () => {
    const header = '{"protocol":"a2a","content_type":"x","metadata":{"__proto__":{"a":1},"constructor":2},"__proto__":{"b":1}}';
    const envelope = Envelope.deserialize(wire(header));
    expect(Object.getPrototypeOf(envelope.metadata)).toBe(Object.prototype);
    expect(envelope.serialize()).toEqual(wire(header));
  });

  it("is deeply frozen", () => {
    const metadata = { list: [{ deep: 1 }] };
    const envelope = new Envelope(Protocol.RAW, "text/plain", new Uint8Array(), metadata);
    expect(() => Object.assign(envelope, { protocol: "mcp" })).toThrow(TypeError);
    expect(() => Object.assign(envelope.metadata?.["list"] as object, { 0: null })).toThrow(TypeError);
    metadata.list[0] = { deep: 2 };
    expect(envelope.metadata).toEqual({ list: [{ deep: 1 }] });
  });

  it("treats null metadata in a header as absent", () => {
    expect(Envelope.deserialize(wire(JSON.stringify({ ...HEADER, metadata: null }))).metadata).toBeUndefined();
  });

  it("omits undefined members", () => {
    const envelope = new Envelope(Protocol.RAW, "text/plain", new Uint8Array(), { here: 1, gone: undefined });
    expect(envelope.metadata).toEqual({ here: 1 });
  });

  it.each<[string, unknown[]]>([
    ["a protocol that is not a string", [7, "x", new Uint8Array()]],
    ["an empty protocol", ["", "x", new Uint8Array()]],
    ["a long protocol", ["p".repeat(256), "x", new Uint8Array()]],
    ["a content type that is not a string", ["raw", undefined, new Uint8Array()]],
    ["a payload that is a string", ["raw", "x", "text"]],
    ["metadata that is a list", ["raw", "x", new Uint8Array(), []]],
    ["metadata with a function", ["raw", "x", new Uint8Array(), { f: () => 1 }]],
    ["metadata with a date", ["raw", "x", new Uint8Array(), { d: new Date() }]],
    ["metadata with a bigint", ["raw", "x", new Uint8Array(), { n: 1n }]],
    ["metadata with infinity", ["raw", "x", new Uint8Array(), { n: Infinity }]],
    ["metadata with a hole in a list", ["raw", "x", new Uint8Array(), { list: [undefined] }]],
    ["a reserved extra header", ["raw", "x", new Uint8Array(), {}, { content_type: "y" }]],
  ])("throws a TypeError for %s", (_, args) => {
    expect(() => Reflect.construct(Envelope, args) as unknown).toThrow(TypeError);
  });

  it("rejects cyclic metadata", () => {
    const metadata: Record<string, unknown> = {};
    metadata["self"] = metadata;
    expect(() => new Envelope("raw", "x", new Uint8Array(), metadata as JsonObject)).toThrow(TypeError);
  });
});

describe("Envelope.deserialize", () => {
  it.each<[string, Uint8Array, EnvelopeErrorCode]>([
    ["nothing", new Uint8Array(), "truncated"],
    ["three bytes", new Uint8Array(3), "truncated"],
    ["less header than announced", wire("{}", undefined, 3), "truncated"],
    ["a header of no bytes", wire(""), "header_invalid"],
    ["a header that is not JSON", wire("{"), "header_invalid"],
    ["a header that is not UTF-8", wire(new Uint8Array([0x22, 0xff, 0x22])), "header_invalid"],
    ["a header behind a byte order mark", wire(`\ufeff${JSON.stringify(HEADER)}`), "header_invalid"],
    ["a header that is a list", wire("[]"), "header_invalid"],
    ["a header that is null", wire("null"), "header_invalid"],
    ["no protocol", wire('{"content_type":"x"}'), "header_invalid"],
    ["a protocol that is a number", wire('{"protocol":1,"content_type":"x"}'), "header_invalid"],
    ["no content type", wire('{"protocol":"raw"}'), "header_invalid"],
    ["metadata that is a string", wire(JSON.stringify({ ...HEADER, metadata: "x" })), "header_invalid"],
    ["a number beyond JavaScript's", wire('{"protocol":"raw","content_type":"x","metadata":{"n":1e999}}'), "header_invalid"],
    [
      "metadata nested without end",
      wire(`{"protocol":"raw","content_type":"x","metadata":{"a":${"[".repeat(9999)}${"]".repeat(9999)}}}`),
      "header_invalid",
    ],
    [
      "unknown headers nested without end",
      wire(`{"protocol":"raw","content_type":"x","a":${"[".repeat(9999)}${"]".repeat(9999)}}`),
      "header_invalid",
    ],
    ["a header that is too large", wire(" ".repeat(65_537)), "header_too_large"],
    ["a text message", bytes("Hello, agents!"), "header_too_large"],
  ])("rejects %s", (_, data, code) => {
    expectCode(() => Envelope.deserialize(data), code);
    const wrapped = Envelope.wrap(data);
    expect([wrapped.protocol, wrapped.contentType, wrapped.payload]).toEqual([Protocol.RAW, "application/octet-stream", data]);
  });

  it("has configurable limits for reading and writing", () => {
    const envelope = new Envelope("raw", "x", new Uint8Array(10), { pad: "x".repeat(100) });
    const data = envelope.serialize();
    const small = { maxHeaderBytes: 100 };
    expectCode(() => envelope.serialize(small), "header_too_large");
    expectCode(() => Envelope.deserialize(data, small), "header_too_large");
    expectCode(() => envelope.serialize({ maxPayloadBytes: 9 }), "payload_too_large");
    expectCode(() => Envelope.deserialize(data, { maxPayloadBytes: 9 }), "payload_too_large");
    expect(Envelope.deserialize(data, { maxPayloadBytes: 10 }).payload).toHaveLength(10);
    expect(Envelope.wrap(data, { maxPayloadBytes: 9 }).protocol).toBe(Protocol.RAW);
  });

  it("rejects unknown limits by name, and limits that are not sizes", () => {
    const envelope = new Envelope("raw", "x", new Uint8Array(10));
    const data = envelope.serialize();
    const misspelt = { maxPayloadByte: 9 } as object;
    const message = 'Unknown option "maxPayloadByte". Did you mean "maxPayloadBytes"?';
    expect(() => envelope.serialize(misspelt)).toThrow(message);
    expect(() => Envelope.deserialize(data, misspelt)).toThrow(message);
    expect(() => Envelope.wrap(data, misspelt)).toThrow(message);
    const text = { maxPayloadBytes: "9" } as object;
    expect(() => Envelope.wrap(data, text)).toThrow('Option "maxPayloadBytes" must be a number from 0 on, not a string');
  });

  it("throws a TypeError if the data is not a Uint8Array", () => {
    expect(() => Envelope.deserialize("text" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => Envelope.wrap("text" as unknown as Uint8Array)).toThrow(TypeError);
  });
});

describe("random envelopes", () => {
  const name = fc.string({ minLength: 1, maxLength: 40 });
  const json = fc
    .dictionary(
      fc.string({ maxLength: 10 }),
      fc.json({ maxDepth: 3 }).map((value): unknown => JSON.parse(value)),
      { maxKeys: 4 },
    )
    .map((object) => JSON.parse(JSON.stringify(object)) as JsonObject);
  const extra = json.map((object) =>
    Object.fromEntries(Object.entries(object).filter(([key]) => !["protocol", "content_type", "metadata"].includes(key))),
  );
  const envelope = fc
    .tuple(name, name, fc.uint8Array({ maxLength: 64 }), fc.option(json, { nil: undefined }), extra)
    .map((args) => new Envelope(...args));

  it("are unchanged after encoding and decoding", () => {
    fc.assert(
      fc.property(envelope, (original) => {
        const again = Envelope.deserialize(original.serialize());
        expect(again).toEqual(original);
        expect(again.serialize()).toEqual(original.serialize());
      }),
    );
  });

  it("are rejected or decoded as another envelope when truncated, extended or modified", () => {
    fc.assert(
      fc.property(envelope, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }), (original, where, noise) => {
        const data = original.serialize();
        const at = where % data.length;
        const header = data.length - original.payload.length;
        const read = (mutant: Uint8Array): Envelope | undefined => {
          try {
            return Envelope.deserialize(mutant);
          } catch (error) {
            if (!(error instanceof EnvelopeError)) throw error;
            return undefined;
          } finally {
            Envelope.wrap(mutant);
          }
        };
        expect(read(data.subarray(0, at)) === undefined).toBe(at < header);
        expect(read(new Uint8Array([...data, ...noise]))?.payload).toEqual(new Uint8Array([...original.payload, ...noise]));
        const flipped = data.slice();
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (where % 8));
        read(flipped);
        read(noise);
      }),
    );
  });
});
