import { describe, expect, it } from "vitest";
import { BoxIndex } from "../../src/jetstream/box-index.ts";
import type { IndexedMessage, Mark } from "../../src/jetstream/box-records.ts";

const AT = 1_800_000_000_000;
const COUNT = 25_000;

/** Messages are numbered from 1, and remembered until 10 minutes after they were stored. */
function message(seq: number): IndexedMessage {
  return { fingerprint: `fp-${seq}`, rememberedUntil: AT + seq + 600_000, at: AT + seq, length: 10, expiresAt: AT + 3_600_000 };
}

function mark(...seqs: readonly number[]): Mark {
  const settled = seqs.map((seq) => ({ seq, fingerprint: message(seq).fingerprint, rememberedUntil: message(seq).rememberedUntil }));
  return { by: "a", settled, attempts: [] };
}

describe("the index of a box", () => {
  it("is the same from a summary in marks of a limited size, as from all marks", () => {
    const index = new BoxIndex();
    for (let seq = 1; seq <= COUNT; seq++) index.addMessage(seq, message(seq));
    index.addMark(1, { by: "a", box: "opened", settled: [], attempts: [[COUNT, 3]] });
    for (let seq = 1; seq < COUNT; seq++) index.addMark(1 + seq, mark(seq));
    expect(index.hasManyMarks).toBe(true);
    const summary = index.summary("a", AT + COUNT);
    expect(summary.map(({ settled }) => settled.length)).toEqual([10_000, 10_000, 4999]);

    const later = new BoxIndex();
    for (const [number, each] of summary.entries()) later.addMark(COUNT + 1 + number, each);
    for (let seq = 1; seq <= COUNT; seq++) later.addMessage(seq, message(seq));
    expect([...later.messages.keys()]).toEqual([COUNT]);
    expect([...later.attempts]).toEqual([[COUNT, 3]]);
    expect(later.openedBy).toBe("a");
    expect(later.addMessage(COUNT + 1, { ...message(COUNT + 1), fingerprint: "fp-1" })).toBe(false);
  });

  it("needs a summary after more than a thousand marks, and the next one when a quarter of it was settled since", () => {
    const index = new BoxIndex();
    let seq = 0;
    let marks = 0;
    const settle = (count: number): void => {
      for (let more = 0; more < count; more++) {
        index.addMessage(++seq, message(seq));
        index.addMark(++marks, mark(seq));
      }
    };
    const summarize = (): void => {
      for (const each of index.summary("a", AT)) index.addMark(++marks, each);
    };
    settle(1000);
    expect(index.hasManyMarks).toBe(false);
    settle(7000);
    expect(index.hasManyMarks).toBe(true);
    summarize();
    expect(index.hasManyMarks).toBe(false);
    settle(1999);
    expect(index.hasManyMarks).toBe(false);
    settle(1);
    expect(index.hasManyMarks).toBe(true);
  });
});
