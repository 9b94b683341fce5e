import { Reader } from "../../src/codec/reader.ts";
import { Writer, vectorSize } from "../../src/codec/writer.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectMlsError } from "../expect-error.ts";

describe("numbers and vectors", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(
        fc.nat(0xff),
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.uint8Array({ maxLength: 17_000, size: "max" }),
        (u8, u16, u32, u64, vector) => {
          const written = new Writer(15 + vectorSize(vector.length)).u8(u8).u16(u16).u32(u32).u64(u64).vector(vector).finish();
          const reader = new Reader(written);
          expect([reader.u8(), reader.u16(), reader.u32(), reader.u64()]).toEqual([u8, u16, u32, u64]);
          expect(reader.vector()).toEqual(vector);
          reader.end();
          expect(written.length).toBe(reader.offset);
        },
      ),
    );
  });
});

describe("lengths (RFC 9420 §2.1.2)", () => {
  it.each([0, 0x3f, 0x40, 0x3fff, 0x4000, 0x3fff_ffff])("%i has one encoding", (length) => {
    const encoded = new Writer(vectorSize(length) - length).length(length).finish();
    expect(new Reader(encoded).length()).toBe(length);
  });

  it.each([
    ["in two bytes that one would hold", [0x40, 0x3f]],
    ["in four bytes that two would hold", [0x80, 0x00, 0x3f, 0xff]],
    ["with an invalid prefix", [0xc0, 0, 0, 0]],
    ["that ends early", [0x80, 0x01]],
    ["that isn't there", []],
  ])("%s is rejected", (_, bytes) => {
    expectMlsError(() => new Reader(Uint8Array.from(bytes)).length(), "malformed");
  });

  it("beyond the maximum cannot be written", () => {
    expectMlsError(() => new Writer(8).length(0x4000_0000), "too_large");
  });
});

describe("reading beyond the end", () => {
  it("is rejected by every method", () => {
    const read: ((reader: Reader) => unknown)[] = [
      (reader) => reader.u8(),
      (reader) => reader.u16(),
      (reader) => reader.u32(),
      (reader) => reader.u64(),
      (reader) => reader.bytes(1),
      (reader) => reader.vector(),
    ];
    for (const method of read) expectMlsError(() => method(new Reader(new Uint8Array(0))), "malformed");
    expectMlsError(() => new Reader(Uint8Array.of(1)).end(), "malformed");
  });
});
