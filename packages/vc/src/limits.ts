import { rejectUnknownOptions } from "@parley/core/internal";
import { notNegative } from "./numbers.ts";

/** Caps on what a peer's credentials may cost. */
export interface VcLimits {
  /** Characters of a signed credential. Default 262144. */
  readonly maxCredentialLength: number;
  /** Characters of a signed presentation. Default 1048576. */
  readonly maxPresentationLength: number;
  /** Credentials of a presentation. Default 32. */
  readonly maxCredentials: number;
  /** Status entries of a credential. Default 8. */
  readonly maxStatuses: number;
  /** Characters of a signed status list credential. Default 1048576. */
  readonly maxStatusListLength: number;
  /** Bytes of a status list once decompressed. Default 2097152, which are 16777216 entries. */
  readonly maxStatusListBytes: number;
}

export const DEFAULT_LIMITS: VcLimits = {
  maxCredentialLength: 262_144,
  maxPresentationLength: 1_048_576,
  maxCredentials: 32,
  maxStatuses: 8,
  maxStatusListLength: 1_048_576,
  maxStatusListBytes: 2_097_152,
};

/** The defaults, with what the caller sets in their place. @throws TypeError naming the option that is unknown or makes no sense. */
export function readLimits(given: Partial<VcLimits> = {}): VcLimits {
  rejectUnknownOptions(given, Object.keys(DEFAULT_LIMITS), "limits.");
  const limits = { ...DEFAULT_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) notNegative(value, `limits.${name}`);
  return limits;
}
