import { contract, type PublishAck, type PublishNack } from "@parley/skytale-relay/internal";
import type { AppendOutcome } from "../log/channel-log.ts";

/** Responses to a batch of messages. */
export interface Answers {
  readonly acks: readonly PublishAck[];
  readonly nacks: readonly PublishNack[];
}

/**
 * Creates the responses for messages with these numbers, in their order. Messages with consecutive numbers and sequence numbers share one
 * response, with the values of the last of them.
 */
export function answersTo(numbers: readonly number[], outcomes: readonly AppendOutcome[]): Answers {
  const acks: { firstNumber: number; count: number; firstSequence: number; logEpoch: bigint; repeated: boolean }[] = [];
  const nacks: PublishNack[] = [];
  let last: (typeof acks)[number] | undefined;
  for (const [index, outcome] of outcomes.entries()) {
    const number = numbers[index] ?? 0;
    if (outcome.status === "epoch_taken") {
      nacks.push({ number, code: contract.Code.EPOCH_TAKEN, currentEpoch: outcome.currentEpoch, winner: outcome.winner });
      continue;
    }
    const { sequence, logEpoch = 0n } = outcome;
    const repeated = outcome.status === "duplicate";
    if (
      last !== undefined &&
      number === last.firstNumber + last.count &&
      sequence === last.firstSequence + last.count &&
      repeated === last.repeated
    ) {
      last.count++;
      last.logEpoch = logEpoch;
    } else {
      last = { firstNumber: number, count: 1, firstSequence: sequence, logEpoch, repeated };
      acks.push(last);
    }
  }
  return { acks, nacks };
}

/** Refuses messages, all for one reason. */
export function refusals(numbers: readonly number[], code: contract.Code): PublishNack[] {
  return numbers.map((number) => ({ number, code, currentEpoch: 0n, winner: 0 }));
}
