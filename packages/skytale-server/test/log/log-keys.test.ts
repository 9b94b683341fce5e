import { numbersKey } from "@parley/storage";
import { expect, it } from "vitest";
import { readSegmentKey, segmentKey } from "../../src/log/log-keys.ts";
import { segmentsOf } from "../../src/log/segment.ts";

it("reads segment keys of older versions, which name no publishers", () => {
  expect(readSegmentKey(numbersKey(1, 2, 3, 4, 5))).toEqual({ channel: 1, last: 2, count: 3, bytes: 4, recordedAt: 5, publishers: [] });
});

it("keeps the bytes of each publisher in the segment's key, and limits the publishers of a segment", () => {
  const bodies = Array.from({ length: 40 }, (_, index) => new Uint8Array(index + 1));
  const publishers = bodies.map((_, index) => Math.floor(index / 2));
  const segments = segmentsOf(1, bodies, publishers);
  expect(segments.map(({ last }) => last)).toEqual([32, 40]);
  for (const segment of segments) {
    const key = segmentKey({
      channel: 7,
      last: segment.last,
      count: segment.bodies.length,
      bytes: segment.bytes,
      recordedAt: 9,
      publishers: segment.publishers,
    });
    expect(readSegmentKey(key).publishers).toEqual(segment.publishers);
    expect(segment.publishers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(segment.bytes);
  }
});
