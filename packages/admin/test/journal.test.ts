import { describe, expect, it } from "vitest";
import { readFilter } from "../src/event-filter.ts";
import { Journal, type JournalEntry } from "../src/journal.ts";

const entry = (event: JournalEntry["event"], source = "node"): JournalEntry => ({ seq: 1, time: 0, source, event });

describe("Journal", () => {
  it("keeps the latest events, and counts the others as lost", () => {
    const journal = new Journal({ limits: { maxEntries: 3 } });
    for (let count = 1; count <= 5; count++) journal.record("node", { kind: "accepted", id: `m${count}` });
    expect(journal.after(0, 10)).toMatchObject({ lost: 2, entries: [{ seq: 3 }, { seq: 4 }, { seq: 5 }] });
    expect(journal.after(4, 10)).toMatchObject({ lost: 0, entries: [{ seq: 5 }] });
    expect(journal.after(0, 1)).toMatchObject({ lost: 4, entries: [{ seq: 5 }] });
    expect(journal.after(5, 10)).toEqual({ lost: 0, entries: [] });
    expect(journal.get(2)).toBeUndefined();
    expect(
      Array.from(
        journal.before(6, () => true),
        ({ seq }) => seq,
      ),
    ).toEqual([5, 4, 3]);
  });

  it("shortens what peers choose", () => {
    const journal = new Journal({});
    const to = Array.from({ length: 100 }, (_, index) => `did:web:r${index}`);
    journal.record("node", { kind: "refused", id: "i".repeat(1e6), reason: "r".repeat(2000), to });
    const { id = "", reason = "", to: kept = [] } = journal.get(1)?.event ?? {};
    expect([id.length, reason.length, kept.length]).toEqual([257, 1025, 16]);
  });

  it("keeps bodies only if asked to, and within its limits", () => {
    const silent = new Journal({});
    silent.record("node", { kind: "accepted", body: "b" });
    expect(silent.get(1)?.event).not.toHaveProperty("body");

    const journal = new Journal({ keepsBodies: true, limits: { maxBody: 10, maxBodies: 25, maxEntries: 4 } });
    for (const length of [10, 11, 10, 10]) journal.record("node", { kind: "accepted", body: "b".repeat(length) });
    const lengths = [1, 2, 3, 4].map((seq) => journal.get(seq)?.event.body?.length);
    expect(lengths).toEqual([undefined, undefined, 10, 10]);
    for (let count = 0; count < 100; count++) journal.record("node", { kind: "accepted", body: "c".repeat(10) });
    expect(journal.get(104)?.event.body).toBe("c".repeat(10));
  });
});

describe("readFilter", () => {
  const message = entry({
    kind: "settled",
    id: "m1",
    type: "https://x.example/p/1.0/request",
    from: "did:web:alice",
    to: ["did:web:bob"],
    ms: 600,
  });

  it.each([
    ["", true],
    ["type:*/request", true],
    ["type:/request", true],
    ["type:*/response", false],
    ["from:did:web:a*", true],
    ["to:did:web:a*", false],
    ["did:did:web:bob", true],
    ["state:settled", true],
    ["-state:settled", false],
    [">500ms", true],
    [">700", false],
    ["<700ms", true],
    ["ALICE", true],
    ["did:web:alice", true],
    ["https://x.example", true],
    ["thread:m1", true],
    ["alice >700ms", false],
    ["source:node -source:skytale", true],
    ["type:a*b*c", false],
    ["type:h*x*p*t", true],
  ])("%s: %s", (filter, expected) => {
    expect(readFilter(filter)(message)).toBe(expected);
  });

  it("rejects unknown fields and too many terms", () => {
    expect(() => readFilter("colour:red")).toThrow('Unknown field "colour"');
    expect(() => readFilter("a ".repeat(21))).toThrow("20 terms");
  });
});
