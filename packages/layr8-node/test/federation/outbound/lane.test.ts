import { expect, it } from "vitest";
import { Lane } from "../../../src/federation/outbound/lane.ts";
import type { StoredEntry } from "../../../src/federation/outbound/outbound-store.ts";

function entry(seq: number): StoredEntry {
  return { sender: "did:web:a", recipient: "did:web:b", seq, length: 1, expiresAt: 1 };
}

it("has its messages in the order of their coming, whichever go before", () => {
  const lane = new Lane("did:web:b");
  const entries = Array.from({ length: 1000 }, (_, index) => entry(index + 1));
  for (const one of entries) lane.add(one);
  // All but the first and each hundredth go while the first is stuck.
  for (const one of entries) if (one.seq !== 1 && one.seq % 100 !== 0) lane.delete(one);
  const order: number[] = [];
  for (let trial = lane.first(); trial !== undefined; trial = lane.first()) {
    order.push(trial.entry.seq);
    expect(lane.isFirst(trial)).toBe(true);
    expect(lane.delete(trial.entry)).toBe(true);
    expect(lane.delete(trial.entry)).toBe(false);
    expect(lane.isFirst(trial)).toBe(false);
  }
  expect(order).toEqual([1, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  expect(lane.empty).toBe(true);
});

it("keeps what was tried for as long as the message is the first", () => {
  const lane = new Lane("did:web:b");
  lane.add(entry(1));
  lane.add(entry(2));
  const trial = lane.first();
  if (trial !== undefined) trial.failures = 3;
  expect(lane.first()?.failures).toBe(3);
  if (trial !== undefined) lane.delete(trial.entry);
  expect(lane.first()).toMatchObject({ failures: 0, entry: { seq: 2 } });
});
