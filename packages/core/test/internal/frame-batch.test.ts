import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchFrames, MAX_BATCH_BYTES, MAX_BATCH_FRAMES, readBatchLimit, splitBatch } from "../../src/internal/index.ts";

/** JSON text, as frames are, sometimes with line breaks between its tokens. */
const frame = fc
  .tuple(fc.jsonValue(), fc.constantFrom(undefined, undefined, undefined, 1))
  .map(([value, indent]) => JSON.stringify([value], undefined, indent));

describe("a batch of frames", () => {
  it("is split into the frames that it was made of, in order, their line breaks replaced by spaces", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 40 }), fc.integer({ min: 1, max: 4096 }), (frames, maxBytes) => {
        const messages = batchFrames(frames, maxBytes);
        expect(messages.flatMap(splitBatch)).toEqual(frames.map((text) => text.replaceAll("\n", " ")));
      }),
    );
  });

  it("stays within the other end's limits of bytes and frames, unless a single frame is longer", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { maxLength: 600 }),
        fc.integer({ min: 1, max: MAX_BATCH_BYTES }),
        (frames, maxBytes) => {
          for (const message of batchFrames(frames, maxBytes)) {
            if (!message.includes("\n")) continue;
            expect(Buffer.byteLength(message)).toBeLessThanOrEqual(maxBytes);
            expect(message.split("\n").length).toBeLessThanOrEqual(MAX_BATCH_FRAMES);
          }
        },
      ),
    );
  });

  it("is one message for frames that fit", () => {
    expect(batchFrames(["[1]", "[2]", "[3]"], MAX_BATCH_BYTES)).toEqual(["[1]\n[2]\n[3]"]);
    expect(batchFrames(["[1]"], MAX_BATCH_BYTES)).toEqual(["[1]"]);
    expect(batchFrames([], MAX_BATCH_BYTES)).toEqual([]);
  });

  it("is not looked for in messages that are longer than a batch", () => {
    const message = `["${"x".repeat(MAX_BATCH_BYTES)}",\n1]`;
    expect(splitBatch(message)).toEqual([message]);
  });
});

describe("the limit that the other end offers", () => {
  it.each([
    ["4096", 4096],
    ["999999999", MAX_BATCH_BYTES],
    ["0", 0],
    ["-1", 0],
    ["1e9", 0],
    ["yes", 0],
    [undefined, 0],
    [["1", "2"], 0],
  ])("%j is read as %i", (header, limit) => {
    expect(readBatchLimit(header)).toBe(limit);
  });
});
