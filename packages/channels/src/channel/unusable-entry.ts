import { MlsEngineError, type MlsEngineErrorCode } from "@parley/mls-engine";

/**
 * What an entry of the log that the engine refuses means to its reader:
 *
 * - `own`: a message that this member sent.
 * - `lost`: a commit for an epoch that another commit has ended: that one was first in the log, so it counts.
 * - `foreign`: of another group that uses, or has used, the same channel name.
 * - `past`: of an epoch that isn't kept any more.
 * - `repeated`: processed before.
 * - `unreadable`: garbage, or of members who are in another state than this one.
 * - `over`: the group can't go on; nothing more is to be read.
 */
export type UnusableEntryKind = "own" | "lost" | "foreign" | "past" | "repeated" | "unreadable" | "over";

/** What isn't here is `unreadable`. */
const BY_CODE: Partial<Record<MlsEngineErrorCode, UnusableEntryKind>> = {
  own_message: "own",
  wrong_group: "foreign",
  generation_consumed: "repeated",
  removed: "over",
  rolled_back: "over",
  closed: "over",
  state_damaged: "over",
  crypto_unavailable: "over",
};

/** Judges what `MlsGroup.process` threw. */
export function unusableEntryKind(error: unknown): UnusableEntryKind {
  if (!(error instanceof MlsEngineError)) return "over";
  const { code, messageEpoch, groupEpoch } = error;
  const isPast = messageEpoch !== undefined && groupEpoch !== undefined && messageEpoch < groupEpoch;
  if (code === "fork") return isPast ? "lost" : "unreadable";
  if (code === "epoch_mismatch") return isPast ? "past" : "unreadable";
  return BY_CODE[code] ?? "unreadable";
}

/** Unreadable entries in a row that can't be chance any more. */
const SUSPICIOUS = 3;

/**
 * Notices that members have gone different ways: what others write in the epoch of this member, or in later ones, can't be read any more.
 * A relay brings that about when it shows members different logs. Garbage from somebody who may publish looks the same.
 */
export class ForkDetector {
  #unreadable = 0;

  /** Something of the current epoch was read. */
  readable(): void {
    this.#unreadable = 0;
  }

  /** True once, when it has become too much. */
  unreadable(): boolean {
    return ++this.#unreadable === SUSPICIOUS;
  }
}
