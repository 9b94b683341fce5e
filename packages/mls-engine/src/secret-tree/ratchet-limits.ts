/** How far out of order messages may come. */
export interface RatchetLimits {
  /** Keys of skipped generations that are kept for one ratchet; the oldest go first. Default 1000. */
  readonly maxSkippedKeys: number;
  /** Keys of skipped generations that are kept in the whole tree. Default 20 000. */
  readonly maxSkippedKeysTotal: number;
  /** Generations that a message may be ahead of its ratchet. Each costs a hash, before anything is known of the message. Default 1000. */
  readonly maxForwardSteps: number;
}

export const DEFAULT_RATCHET_LIMITS: RatchetLimits = { maxSkippedKeys: 1000, maxSkippedKeysTotal: 20_000, maxForwardSteps: 1000 };

/** Fills in the defaults. Throws TypeError for what isn't a count. */
export function ratchetLimits(given: Partial<RatchetLimits> = {}): RatchetLimits {
  const limits = {
    maxSkippedKeys: given.maxSkippedKeys ?? DEFAULT_RATCHET_LIMITS.maxSkippedKeys,
    maxSkippedKeysTotal: given.maxSkippedKeysTotal ?? DEFAULT_RATCHET_LIMITS.maxSkippedKeysTotal,
    maxForwardSteps: given.maxForwardSteps ?? DEFAULT_RATCHET_LIMITS.maxForwardSteps,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} must be a whole number from 0 on`);
  }
  return limits;
}
