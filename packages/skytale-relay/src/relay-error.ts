import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a relay, or the way to it, failed.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `unauthenticated` | the token is missing, wrong or expired, or its API key has been revoked | no |
 * | `permission_denied` | the account may not do this on this channel | no |
 * | `invalid_argument` | the relay refuses what was asked, and would again | no |
 * | `message_too_large` | the payload is larger than the relay takes | no |
 * | `epoch_taken` | another commit is on record for the epoch; see {@link EpochTakenError} | no |
 * | `range_gone` | the log doesn't go back that far; see {@link RangeGoneError} | no |
 * | `resource_exhausted` | a limit of the relay, or of this client's queue, is reached for now | yes |
 * | `unavailable` | the relay can't be reached, or is stopping | yes |
 * | `timeout` | the relay did not answer in time | yes |
 * | `internal` | the relay failed; nothing was recorded | yes |
 * | `protocol_error` | the relay sent what can't be read or breaks its own rules | yes |
 * | `closed` | the client, or the subscription, was closed | no |
 */
export type RelayErrorCode =
  | "unauthenticated"
  | "permission_denied"
  | "invalid_argument"
  | "message_too_large"
  | "epoch_taken"
  | "range_gone"
  | "resource_exhausted"
  | "unavailable"
  | "timeout"
  | "internal"
  | "protocol_error"
  | "closed";

const RETRYABLE: ReadonlySet<RelayErrorCode> = new Set(["resource_exhausted", "unavailable", "timeout", "internal", "protocol_error"]);

/** A relay's failure, or one on the way to it; `retryable` follows from the code. */
export class RelayError extends ParleyError<RelayErrorCode> {
  override readonly name: string = "RelayError";

  constructor(code: RelayErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: RETRYABLE.has(code) });
  }
}

/**
 * A commit was not recorded, because another one is on record for its epoch. Read that one: if it is valid, process it and commit anew in
 * the next epoch; if it isn't, publish again with its sequence as `supersedes`.
 */
export class EpochTakenError extends RelayError {
  override readonly name: string = "EpochTakenError";
  /** Sequence of the commit on record for the epoch. */
  readonly winner: number;
  /** First epoch, from the one claimed on, that no commit on record claims. */
  readonly currentEpoch: bigint;

  constructor(winner: number, currentEpoch: bigint) {
    super("epoch_taken", `The commit with sequence ${winner} is on record for this epoch`);
    this.winner = winner;
    this.currentEpoch = currentEpoch;
  }
}

/** Messages that were asked for are not kept any more. */
export class RangeGoneError extends RelayError {
  override readonly name: string = "RangeGoneError";
  /** The first sequence that is still there. */
  readonly firstSequence: number;

  constructor(firstSequence: number) {
    super("range_gone", `The log begins with sequence ${firstSequence}`);
    this.firstSequence = firstSequence;
  }
}
