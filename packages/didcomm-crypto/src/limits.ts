/** Caps on what a peer may send. They hold before anything is decoded. */
export interface UnpackLimits {
  /** Bytes of the whole message (characters, if it is given as a string). Default 4194304. */
  readonly maxLength: number;
  /** Characters of a protected header. Default 8192. */
  readonly maxHeaderLength: number;
  /** Recipients of one layer. Default 64. */
  readonly maxRecipients: number;
  /** Levels that JSON may be nested, the plaintext's included. Default 64. */
  readonly maxDepth: number;
}

const DEFAULT_LIMITS: UnpackLimits = { maxLength: 4 * 1024 * 1024, maxHeaderLength: 8192, maxRecipients: 64, maxDepth: 64 };

/** @throws TypeError if a limit is no positive whole number. */
export function withDefaults(limits: Partial<UnpackLimits> | undefined): UnpackLimits {
  if (limits === undefined) return DEFAULT_LIMITS;
  const merged = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, limit] of Object.entries(merged)) {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new TypeError(`${name} must be a whole number from 1`);
  }
  return merged;
}
