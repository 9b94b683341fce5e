import { MlsEngineError, type MlsEngineErrorCode } from "@parley/mls-engine";

/**
 * Why the engine rejected an entry of the log:
 *
 * - `own`: this member sent it.
 * - `lost`: a commit for an epoch that an earlier commit in the log has ended.
 * - `foreign`: for another group that uses, or used, the same channel name.
 * - `past`: of an epoch whose keys are deleted.
 * - `repeated`: it was processed before.
 * - `far`: too many messages of its sender are missing before it.
 * - `unreadable`: malformed, or sent by members whose group state differs.
 * - `over`: the group is unusable; reading ends.
 */
export type UnusableEntryKind = "own" | "lost" | "foreign" | "past" | "repeated" | "far" | "unreadable" | "over";

/** Engine errors by code. All others are `unreadable`. */
const BY_CODE: Partial<Record<MlsEngineErrorCode, UnusableEntryKind>> = {
  own_message: "own",
  wrong_group: "foreign",
  generation_consumed: "repeated",
  generation_too_far: "far",
  removed: "over",
  rolled_back: "over",
  closed: "over",
  state_damaged: "over",
  crypto_unavailable: "over",
};

/** Classifies an error of `MlsGroup.process`. */
export function unusableEntryKind(error: unknown): UnusableEntryKind {
  if (!(error instanceof MlsEngineError)) return "over";
  const { code, messageEpoch, groupEpoch } = error;
  const isPast = messageEpoch !== undefined && groupEpoch !== undefined && messageEpoch < groupEpoch;
  if (code === "fork") return isPast ? "lost" : "unreadable";
  if (code === "epoch_mismatch") return isPast ? "past" : "unreadable";
  return BY_CODE[code] ?? "unreadable";
}

/** Number of consecutive unreadable entries that is reported. */
const SUSPICIOUS = 3;

/**
 * Detects a fork: entries of other members in the current or a later epoch cannot be decrypted. A relay causes it by showing members different
 * logs. Garbage from an account that is allowed to publish looks the same.
 */
export class ForkDetector {
  #unreadable = 0;

  /** An entry of the current epoch was decrypted. */
  readable(): void {
    this.#unreadable = 0;
  }

  /** An entry could not be decrypted. Returns true once, when the limit is reached. */
  unreadable(): boolean {
    return ++this.#unreadable === SUSPICIOUS;
  }
}
