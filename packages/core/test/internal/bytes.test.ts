import { describe, expect, it } from "vitest";
import { concatBytes, readCapped } from "../../src/internal/index.ts";

async function* chunks(sizes: readonly number[], seen: number[] = []): AsyncGenerator<Uint8Array> {
  try {
    for (const size of sizes) yield new Uint8Array(size).fill(size);
  } finally {
    seen.push(-1);
  }
}

describe("concatBytes", () => {
  it("puts parts one behind the other", () => {
    expect(concatBytes([])).toEqual(new Uint8Array());
    expect(concatBytes([Uint8Array.of(1, 2), new Uint8Array(), Buffer.from([3])])).toEqual(Uint8Array.of(1, 2, 3));
  });
});

describe("readCapped", () => {
  it("reads a stream of as many bytes as it may have", async () => {
    expect(await readCapped(chunks([2, 1, 2]), 5)).toEqual(Uint8Array.of(2, 2, 1, 2, 2));
    expect(await readCapped(chunks([]), 0)).toEqual(new Uint8Array());
  });

  it("cancels a stream that has more", async () => {
    const seen: number[] = [];
    expect(await readCapped(chunks([2, 1, 3, 1000], seen), 5)).toBeUndefined();
    expect(seen).toEqual([-1]);
  });
});
