import { rejectUnknownOptions } from "@parley/core/eager";
import { checkNotNegative } from "./check-numbers.ts";

/** Limits on the resources that a peer's credentials can consume. */
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
  /** Bytes of a decompressed status list. Default 2097152, enough for 16777216 entries. */
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

/**
 * Fills in the defaults of the limits.
 *
 * @throws TypeError naming an option that is unknown or invalid.
 */
export function readLimits(given: Partial<VcLimits> = {}): VcLimits {
  rejectUnknownOptions(given, Object.keys(DEFAULT_LIMITS), "limits.");
  const limits = { ...DEFAULT_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) checkNotNegative(value, `limits.${name}`);
  return limits;
}
