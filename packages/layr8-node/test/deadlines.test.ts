import fc from "fast-check";
import { expect, it } from "vitest";
import { Deadlines } from "../src/deadlines.ts";
import type { StoredEntry } from "../src/federation/outbound/outbound-store.ts";

const START = 1_800_000_000_000;

function entryAt(expiresAt: number, seq = 1): StoredEntry {
  return { sender: "did:web:a", recipient: "did:web:b", seq, length: 1, expiresAt, queuedAt: 0 };
}

it("yields each entry once, after its second has passed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ after: fc.integer({ min: -5000, max: 20_000 }), removed: fc.boolean() }), { maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 8000 }), { maxLength: 20 }),
      (plans, steps) => {
        const deadlines = new Deadlines<StoredEntry>(START);
        const entries = plans.map(({ after }, index) => entryAt(START + after, index));
        for (const entry of entries) deadlines.add(entry);
        const kept = entries.filter((_, index) => plans[index]?.removed === false);
        for (const entry of entries) if (!kept.includes(entry)) deadlines.delete(entry);
        let now = START;
        const found: StoredEntry[] = [];
        for (const step of [...steps, 60_000]) {
          now += step;
          for (const entry of deadlines.due(now)) {
            expect(entry.expiresAt).toBeLessThanOrEqual(now);
            found.push(entry);
          }
          const over = kept.filter(({ expiresAt }) => Math.max(expiresAt, START) <= now - 2000);
          expect(over.filter((entry) => !found.includes(entry))).toEqual([]);
        }
        expect(found.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual(kept.map(({ seq }) => seq));
      },
    ),
  );
});

it("yields an entry again that is added after it was due", () => {
  const deadlines = new Deadlines(START);
  const entry = entryAt(START);
  deadlines.add(entry);
  expect([...deadlines.due(START + 1000)]).toEqual([entry]);
  deadlines.add(entry);
  expect([...deadlines.due(START + 1500)]).toEqual([]);
  expect([...deadlines.due(START + 2000)]).toEqual([entry]);
});

it("skips empty seconds after a long sleep, and ignores a clock that is set back", () => {
  const deadlines = new Deadlines(START);
  const [soon, never] = [entryAt(START + 1000), entryAt(Number.MAX_SAFE_INTEGER, 2)];
  deadlines.add(soon);
  deadlines.add(never);
  expect([...deadlines.due(START + 1e12)]).toEqual([soon]);
  expect([...deadlines.due(START)]).toEqual([]);
  deadlines.delete(never);
  expect([...deadlines.due(Number.MAX_SAFE_INTEGER + 10_000)]).toEqual([]);
});
