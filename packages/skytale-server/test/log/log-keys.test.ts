import { numbersKey } from "@parley/storage";
import { expect, it } from "vitest";
import { readSegmentKey, type SegmentKey, segmentKey } from "../../src/log/log-keys.ts";
import { segmentsOf } from "../../src/log/segment.ts";

it.each([
  ["no publishers", [], []],
  ["a publisher", [7, 4], [{ publisher: 7, bytes: 4 }]],
  [
    "two publishers",
    [7, 3, 8, 1],
    [
      { publisher: 7, bytes: 3 },
      { publisher: 8, bytes: 1 },
    ],
  ],
])("reads segment keys of older versions, with %s and without a kind", (_, numbers, publishers) => {
  const key = { channel: 1, last: 2, count: 3, bytes: 4, recordedAt: 5, publishers, kind: "unknown" };
  expect(readSegmentKey(numbersKey(1, 2, 3, 4, 5, ...numbers))).toEqual(key);
});

it.each(["application", "handshake", "evicted"] as const)("reads the keys of segments of kind %s as they were written", (kind) => {
  const publishers = kind === "evicted" ? [] : [{ publisher: 6, bytes: 4 }];
  const key: SegmentKey = { channel: 1, last: 2, count: 3, bytes: kind === "evicted" ? 0 : 4, recordedAt: 5, publishers, kind };
  expect(readSegmentKey(segmentKey(key))).toEqual(key);
});

it("puts only entries of one publisher and one kind into a segment", () => {
  const kinds = ["application", "application", "handshake", "handshake", "application", "application"] as const;
  const publishers = [1, 1, 1, 2, 2, 2];
  const entries = kinds.map((kind, index) => ({ body: new Uint8Array(index + 1), publisher: publishers[index] ?? 0, kind }));
  const segments = segmentsOf(5, entries);
  expect(segments.map(({ last, bytes, publisher, kind }) => [last, bytes, publisher, kind])).toEqual([
    [6, 3, 1, "application"],
    [7, 3, 1, "handshake"],
    [8, 4, 2, "handshake"],
    [10, 11, 2, "application"],
  ]);
});
