import { describe, expect, it } from "vitest";
import { asBuffer, GrpcWriter } from "../src/internal/index.ts";

/** A writer whose frames are sent one at a time, by `sendNext`. */
function stuckWriter(highWater: number): { writer: GrpcWriter; sendNext: () => void; drained: () => number } {
  const waiting: (() => void)[] = [];
  let times = 0;
  const sink = { write: (_frame: Uint8Array, sent: () => void): unknown => waiting.push(sent) };
  return {
    writer: new GrpcWriter(sink, highWater, () => (times += 1)),
    sendNext: () => waiting.shift()?.(),
    drained: () => times,
  };
}

describe("GrpcWriter", () => {
  it("returns false above the high-water mark, and calls drained once at half of it", () => {
    const { writer, sendNext, drained } = stuckWriter(100);
    const frame = new Uint8Array(25);
    expect([1, 2, 3, 4, 5, 6].map(() => writer.write(frame))).toEqual([true, true, true, true, false, false]);
    const seen = [1, 2, 3, 4, 5, 6].map(() => {
      sendNext();
      return drained();
    });
    expect(seen).toEqual([0, 0, 0, 1, 1, 1]);
    expect(writer.write(frame)).toBe(true);
  });

  it("does not call drained if it never returned false", () => {
    const { writer, sendNext, drained } = stuckWriter(100);
    expect(writer.write(new Uint8Array(100))).toBe(true);
    sendNext();
    expect(drained()).toBe(0);
  });

  it("returns false until drained was called, even below the high-water mark", () => {
    const { writer, sendNext, drained } = stuckWriter(100);
    writer.write(new Uint8Array(40));
    expect(writer.write(new Uint8Array(70))).toBe(false);
    sendNext();
    expect(writer.write(new Uint8Array(1))).toBe(false);
    sendNext();
    expect(drained()).toBe(1);
    expect(writer.write(new Uint8Array(1))).toBe(true);
  });
});

describe("asBuffer", () => {
  it("returns a view of the same bytes, also for a subarray", () => {
    const all = Uint8Array.of(1, 2, 3, 4);
    const buffer = asBuffer(all.subarray(1, 3));
    all[1] = 9;
    expect([...buffer]).toEqual([9, 3]);
    expect(asBuffer(buffer)).toBe(buffer);
  });
});
