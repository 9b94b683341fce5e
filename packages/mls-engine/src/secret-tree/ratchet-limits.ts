/** How far out of order messages may arrive. */
export interface RatchetLimits {
  /** See `MlsLimits`. */
  readonly maxSkippedKeys: number;
  readonly maxSkippedKeysTotal: number;
  readonly maxForwardSteps: number;
}

export const DEFAULT_RATCHET_LIMITS: RatchetLimits = { maxSkippedKeys: 1000, maxSkippedKeysTotal: 20_000, maxForwardSteps: 1000 };

/** Fills in the defaults. @throws TypeError if a limit is not a count */
export function ratchetLimits(given: Partial<RatchetLimits> = {}): RatchetLimits {
  const limits = {
    maxSkippedKeys: given.maxSkippedKeys ?? DEFAULT_RATCHET_LIMITS.maxSkippedKeys,
    maxSkippedKeysTotal: given.maxSkippedKeysTotal ?? DEFAULT_RATCHET_LIMITS.maxSkippedKeysTotal,
    maxForwardSteps: given.maxForwardSteps ?? DEFAULT_RATCHET_LIMITS.maxForwardSteps,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} must be a whole number, 0 or more`);
  }
  return limits;
}
