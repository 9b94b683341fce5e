import { describe, expect, it } from "vitest";
import { answersTo } from "../../src/relay/answers.ts";

describe("answers to what was published", () => {
  it("are one for messages in a row, with the epoch after the last of them", () => {
    const { acks } = answersTo(
      [4, 5, 6],
      [
        { status: "appended", sequence: 10 },
        { status: "appended", sequence: 11, logEpoch: 1n },
        { status: "appended", sequence: 12, logEpoch: 2n },
      ],
    );
    expect(acks).toEqual([{ firstNumber: 4, count: 3, firstSequence: 10, logEpoch: 2n, repeated: false }]);
  });

  it("distinguish repeated messages from new ones", () => {
    const { acks, nacks } = answersTo(
      [1, 2, 3, 4],
      [
        { status: "duplicate", sequence: 7, logEpoch: 5n },
        { status: "appended", sequence: 8, logEpoch: 5n },
        { status: "epoch_taken", winner: 3, currentEpoch: 5n },
        { status: "appended", sequence: 9, logEpoch: 5n },
      ],
    );
    expect(acks).toEqual([
      { firstNumber: 1, count: 1, firstSequence: 7, logEpoch: 5n, repeated: true },
      { firstNumber: 2, count: 1, firstSequence: 8, logEpoch: 5n, repeated: false },
      { firstNumber: 4, count: 1, firstSequence: 9, logEpoch: 5n, repeated: false },
    ]);
    expect(nacks).toMatchObject([{ number: 3, winner: 3, currentEpoch: 5n }]);
  });
});
