import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeEntries, readEntries, type Entry } from "../../src/store/file/entries.ts";
import { aesGcm, checksum } from "../../src/store/file/frame-cipher.ts";
import { FrameCodec } from "../../src/store/file/frame.ts";
import { StoreError } from "../../src/index.ts";

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 300 });
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ type: fc.constant("put" as const), key: text, value: bytes }),
  fc.record({ type: fc.constant("remove" as const), key: text }),
  fc.record({ type: fc.constant("name" as const), name: text }),
  fc.record({
    type: fc.constant("rows" as const),
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    length: fc.nat(2 ** 31 - 1).map((length) => length * 1000),
  }),
);

/** What an entry says, without regard to the kind of array that holds its bytes. */
function plain(each: Entry): unknown {
  if (each.type === "put") return { ...each, value: Array.from(each.value) };
  return each.type === "rows" ? { ...each, id: Array.from(each.id) } : each;
}

describe("Entries", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        expect(Array.from(readEntries(encodeEntries(entries)), plain)).toEqual(entries.map(plain));
      }),
    );
  });

  it.each([
    ["an unknown kind", [9]],
    ["kind zero", [0]],
    ["a key that is cut", [1, 5, 97]],
    ["no length of the value", [1, 1, 97]],
    ["a value that is cut", [1, 1, 97, 2, 0]],
    ["a length that never ends", [1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ["a length beyond everything", [1, 0xff, 0xff, 0xff, 0x7f]],
    ["a reference that is cut", [4, 1, 2, 3]],
  ])("are rejected with %s", (_what, malformed) => {
    expect(() => Array.from(readEntries(Buffer.from(malformed)))).toThrow(expect.objectContaining({ code: "damaged" }));
  });

  it("of random bytes are read or rejected with a typed error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (any) => {
        const outcome = attempt(() => Array.from(readEntries(Buffer.from(any))));
        expect(outcome instanceof StoreError ? outcome.code : Array.isArray(outcome)).toSatisfy(
          (each) => each === "damaged" || each === true,
        );
      }),
    );
  });
});

describe.each([
  { name: "checksummed", cipher: checksum },
  { name: "encrypted", cipher: aesGcm(createSecretKey(Buffer.alloc(32, 5))) },
])("Frames, $name,", ({ cipher }) => {
  const codec = new FrameCodec(cipher, 0x1234);
  const START = 3;

  function file(bodies: readonly Uint8Array[]): { bytes: Buffer; ends: number[] } {
    let file = Buffer.alloc(START);
    const ends: number[] = [];
    for (const body of bodies) {
      const blank = codec.blank(body.length);
      blank.body.set(body);
      codec.seal(blank.frame, file.length);
      file = Buffer.concat([file, blank.frame]);
      ends.push(file.length);
    }
    return { bytes: file, ends };
  }

  const some = fc.array(bytes, { minLength: 1, maxLength: 5 });
  const asArrays = (bodies: readonly Uint8Array[]) => bodies.map((body) => Array.from(body));

  it("are read as they were written", () => {
    fc.assert(
      fc.property(some, (bodies) => {
        const read = codec.readAll(file(bodies).bytes, START);
        expect(asArrays(read.bodies)).toEqual(asArrays(bodies));
        expect(read.rest).toBe("clean");
      }),
    );
  });

  it("that are truncated or followed by other bytes are read up to there", () => {
    fc.assert(
      fc.property(some, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 40 }), (bodies, dice, junk) => {
        const { bytes: whole, ends } = file(bodies);
        const length = START + (dice % (whole.length - START));
        const cut = codec.readAll(whole.subarray(0, length), START);
        const count = ends.filter((end) => end <= length).length;
        expect(asArrays(cut.bodies)).toEqual(asArrays(bodies.slice(0, count)));
        expect(cut.rest).toBe(ends.includes(length) || length === START ? "clean" : "torn");

        const extended = codec.readAll(Buffer.concat([whole, junk]), START);
        expect(asArrays(extended.bodies)).toEqual(asArrays(bodies));
        expect(extended).toMatchObject({ rest: "torn", end: whole.length });
      }),
    );
  });

  it("with a flipped bit are never read, and only the last one counts as torn", () => {
    fc.assert(
      fc.property(some, fc.nat(), (bodies, dice) => {
        const { bytes: whole, ends } = file(bodies);
        const bit = dice % ((whole.length - START) * 8);
        const at = START + (bit >> 3);
        whole.writeUInt8(whole.readUInt8(at) ^ (1 << (bit & 7)), at);
        const hit = ends.findIndex((end) => at < end);
        const read = codec.readAll(whole, START);
        expect(asArrays(read.bodies)).toEqual(asArrays(bodies.slice(0, hit)));
        expect(read.rest).toBe(hit === bodies.length - 1 ? "torn" : "damaged");
      }),
    );
  });

  it("are rejected at another position or in another file", () => {
    const { bytes: whole } = file([Uint8Array.of(1, 2, 3)]);
    expect(codec.readAll(Buffer.concat([Buffer.alloc(1), whole]), START + 1).bodies).toEqual([]);
    expect(new FrameCodec(cipher, 0x1235).readAll(whole, START).bodies).toEqual([]);
  });
});

function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
