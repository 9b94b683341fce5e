import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a call to a relay failed.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `unauthenticated` | the token is missing, invalid or expired, or its API key was revoked | no |
 * | `permission_denied` | the account has no permission for this on this channel | no |
 * | `invalid_argument` | the relay rejected the request | no |
 * | `message_too_large` | the payload exceeds the relay's limit | no |
 * | `epoch_taken` | another commit is on record for the epoch; see {@link EpochTakenError} | no |
 * | `range_gone` | the requested messages are no longer retained; see {@link RangeGoneError} | no |
 * | `resource_exhausted` | a limit of the relay or of this client's queue is reached | yes |
 * | `unavailable` | the relay can't be reached or is stopping | yes |
 * | `timeout` | the relay did not respond in time | yes |
 * | `internal` | the relay failed; nothing was recorded | yes |
 * | `protocol_error` | the relay sent malformed data or violated the protocol | yes |
 * | `closed` | the client or the subscription was closed | no |
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

/** A failure of a relay or of the connection to it; `retryable` follows from the code. */
export class RelayError extends ParleyError<RelayErrorCode> {
  override readonly name: string = "RelayError";

  constructor(code: RelayErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: RETRYABLE.has(code) });
  }
}

/**
 * A commit was rejected because another commit is on record for its epoch. Read that one. If it is valid, process it and create a new commit
 * in the next epoch. If it is invalid, publish again with its sequence as `supersedes`.
 */
export class EpochTakenError extends RelayError {
  override readonly name: string = "EpochTakenError";
  /** Sequence of the commit that is on record for the epoch. */
  readonly winner: number;
  /** The first epoch, starting with the rejected commit's, without a commit on record. */
  readonly currentEpoch: bigint;

  constructor(winner: number, currentEpoch: bigint) {
    super("epoch_taken", `The commit with sequence ${winner} is on record for this epoch`);
    this.winner = winner;
    this.currentEpoch = currentEpoch;
  }
}

/** The requested messages are no longer retained. */
export class RangeGoneError extends RelayError {
  override readonly name: string = "RangeGoneError";
  /** The first sequence that is still retained. */
  readonly firstSequence: number;

  constructor(firstSequence: number) {
    super("range_gone", `The log begins with sequence ${firstSequence}`);
    this.firstSequence = firstSequence;
  }
}
