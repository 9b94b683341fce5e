import { checkOption, rejectUnknownOptions, type OptionCheck } from "@parley/core/eager";

/** How long messages for a former key are accepted by default, and at most, in milliseconds. Nodes keep messages for a week by default. */
const OVERLAP_MS = 7 * 24 * 60 * 60_000;
const MAX_OVERLAP_MS = 31 * 24 * 60 * 60_000;
const IS_OVERLAP: OptionCheck = {
  expected: `a number of milliseconds from 0 to ${MAX_OVERLAP_MS} (31 days)`,
  is: (value) => typeof value === "number" && value >= 0 && value <= MAX_OVERLAP_MS,
};

/** Options of `rotateKeys`. */
export interface RotateKeysOptions {
  /** Default: the client's DID. */
  readonly did?: string;
  /** How long messages that are encrypted for the former key are accepted, in milliseconds. Default 7 days; at most 31 days. */
  readonly overlapMs?: number;
}

/** Checks the options of `rotateKeys`, but for the DID. @returns the overlap, in milliseconds. @throws TypeError */
export function readOverlapMs(options: RotateKeysOptions): number {
  rejectUnknownOptions(options, ["did", "overlapMs"]);
  checkOption("overlapMs", options.overlapMs, IS_OVERLAP);
  return options.overlapMs ?? OVERLAP_MS;
}
