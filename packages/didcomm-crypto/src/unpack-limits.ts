/** Limits on messages from peers. They are checked before anything is decoded. */
export interface UnpackLimits {
  /** Bytes of the whole message (characters, if it is given as a string). Default 4194304. */
  readonly maxLength: number;
  /** Characters of a protected header. Default 8192. */
  readonly maxHeaderLength: number;
  /** Recipients of one layer. Default 64. */
  readonly maxRecipients: number;
  /** Levels of nesting of JSON, in envelopes and in the plaintext. Default 64. */
  readonly maxDepth: number;
}

const DEFAULT_LIMITS: UnpackLimits = { maxLength: 4 * 1024 * 1024, maxHeaderLength: 8192, maxRecipients: 64, maxDepth: 64 };

/**
 * Fills in the defaults of the limits.
 *
 * @throws TypeError if a limit is not a positive integer.
 */
export function readLimits(limits: Partial<UnpackLimits> | undefined): UnpackLimits {
  if (limits === undefined) return DEFAULT_LIMITS;
  const merged = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, limit] of Object.entries(merged)) {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new TypeError(`limits.${name} must be an integer, 1 or greater`);
  }
  return merged;
}
