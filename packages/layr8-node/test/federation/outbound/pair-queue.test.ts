import { expect, it } from "vitest";
import { PairQueue } from "../../../src/federation/outbound/pair-queue.ts";
import type { StoredEntry } from "../../../src/federation/outbound/outbound-store.ts";

function entry(seq: number): StoredEntry {
  return { sender: "did:web:a", recipient: "did:web:b", seq, length: 1, expiresAt: 1, queuedAt: 0 };
}

it("keeps its messages in arrival order, whichever are removed", () => {
  const pair = new PairQueue("did:web:b");
  const entries = Array.from({ length: 1000 }, (_, index) => entry(index + 1));
  for (const one of entries) pair.add(one);
  // All but the first and each hundredth go while the first is stuck.
  for (const one of entries) if (one.seq !== 1 && one.seq % 100 !== 0) pair.delete(one);
  const order: number[] = [];
  for (let attempt = pair.first(); attempt !== undefined; attempt = pair.first()) {
    order.push(attempt.entry.seq);
    expect(pair.isFirst(attempt)).toBe(true);
    expect(pair.delete(attempt.entry)).toBe(true);
    expect(pair.delete(attempt.entry)).toBe(false);
    expect(pair.isFirst(attempt)).toBe(false);
  }
  expect(order).toEqual([1, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  expect(pair.empty).toBe(true);
});

it("keeps the delivery attempt while its message is the first", () => {
  const pair = new PairQueue("did:web:b");
  pair.add(entry(1));
  pair.add(entry(2));
  const attempt = pair.first();
  if (attempt !== undefined) attempt.failures = 3;
  expect(pair.first()?.failures).toBe(3);
  if (attempt !== undefined) pair.delete(attempt.entry);
  expect(pair.first()).toMatchObject({ failures: 0, entry: { seq: 2 } });
});
