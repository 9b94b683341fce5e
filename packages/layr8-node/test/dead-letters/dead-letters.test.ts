import { MemoryEnvironment } from "@parley/storage";
import { describe, expect, it } from "vitest";
import type { NewDeadLetter } from "../../src/dead-letters/dead-letter.ts";
import { DeadLetters } from "../../src/dead-letters/dead-letters.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const LIMITS = { maxDeadLetters: 3, maxDeadLetterLength: 100, maxTotalDeadLetters: 5, maxTotalDeadLetterLength: 120 };

function open(environment = new MemoryEnvironment()): DeadLetters {
  return new DeadLetters(environment, { limits: LIMITS, now: () => 1000 });
}

function letter(messageId: string, did = ALICE, length = 10): NewDeadLetter {
  const about = { direction: "inbound", code: "e.p.msg.expired", reason: "expired", type: "https://example.com/p/1.0/t" } as const;
  return { ...about, did, to: did, messageId, authorized: true, plaintext: "x".repeat(length) };
}

const idsOf = (letters: DeadLetters, did?: string): string[] => letters.list({ did, limit: 100 }).map(({ messageId }) => messageId);

describe("DeadLetters", () => {
  it("lists the newest first, by agent and by page", async () => {
    const letters = open();
    for (const id of ["1", "2"]) await letters.add(letter(id));
    await letters.add(letter("3", BOB));
    expect([idsOf(letters), idsOf(letters, ALICE), idsOf(letters, BOB)]).toEqual([["3", "2", "1"], ["2", "1"], ["3"]]);
    expect(letters.list({ before: 3, limit: 1 })).toMatchObject([{ id: 2, messageId: "2", failedAt: 1000, length: 10 }]);
    expect([letters.size, letters.count(ALICE), letters.textOf(2)]).toEqual([3, 2, "x".repeat(10)]);
  });

  it("has the text of a dead letter before its commit has ended", async () => {
    const letters = open();
    const adding = letters.add(letter("1"));
    expect([idsOf(letters), letters.textOf(1)]).toEqual([["1"], "x".repeat(10)]);
    await adding;
    expect(letters.textOf(1)).toBe("x".repeat(10));
  });

  it("replaces the oldest of an agent by number and by length, then the oldest of all", async () => {
    const letters = open();
    for (const id of ["1", "2", "3", "4"]) await letters.add(letter(id));
    expect(idsOf(letters)).toEqual(["4", "3", "2"]);
    await letters.add(letter("5", ALICE, 85));
    expect(idsOf(letters)).toEqual(["5", "4"]);
    await letters.add(letter("6", ALICE, 101));
    expect(idsOf(letters)).toEqual(["5", "4"]);
    await letters.add(letter("7", BOB, 30));
    expect(idsOf(letters)).toEqual(["7", "5"]);
    for (const id of ["8", "9"]) await letters.add(letter(id, BOB, 1));
    await letters.add(letter("10", "did:web:localhost:carol", 1));
    await letters.add(letter("11", "did:web:localhost:dave", 1));
    expect(idsOf(letters)).toEqual(["11", "10", "9", "8", "7"]);
  });

  it("is the same after it was opened again, and never uses an id again", async () => {
    const environment = new MemoryEnvironment();
    const letters = open(environment);
    for (const id of ["1", "2"]) await letters.add(letter(id));
    expect([await letters.remove(2), await letters.remove(2), letters.textOf(2)]).toEqual([true, false, undefined]);
    const again = open(environment);
    expect([idsOf(again), again.textOf(1)]).toEqual([["1"], "x".repeat(10)]);
    await again.add(letter("3"));
    expect(again.list({ limit: 1 })).toMatchObject([{ id: 3 }]);
    expect(await again.removeAgent(ALICE)).toBe(2);
    expect(idsOf(open(environment))).toEqual([]);
  });
});
