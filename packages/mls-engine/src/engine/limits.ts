import { rejectUnknownOptions } from "@parley/core/internal";
import { MAX_MESSAGE_BYTES } from "../framing/private-message.ts";
import { DEFAULT_RATCHET_LIMITS } from "../secret-tree/ratchet-limits.ts";

/** The limits of an engine and its groups. */
export interface MlsLimits {
  /** Members of a group. Default 4096, at most 65 536. */
  readonly maxMembers: number;
  /** Bytes of a message. A Welcome contains the whole tree, about 400 bytes per member. Default 16 MiB. */
  readonly maxMessageBytes: number;
  /** Past epochs whose late messages are accepted. Default 4, at most 64. */
  readonly retainEpochs: number;
  /** Messages of one sender that may be missing before a received one. Each costs a hash before the message is authenticated. Default 1000. */
  readonly maxForwardSteps: number;
  /** Keys of skipped messages that are kept for one sender. The oldest are dropped first. Default 1000. */
  readonly maxSkippedKeys: number;
  /** Keys of skipped messages that are kept in one epoch of a group. Default 20 000. */
  readonly maxSkippedKeysTotal: number;
  /** Longest lifetime of a key package that is added here, in milliseconds. Default 400 days. */
  readonly maxKeyPackageLifetimeMs: number;
  /** How far in the future a key package may become valid, in milliseconds, for peers whose clock is fast. Default 5 minutes. */
  readonly maxClockSkewMs: number;
  /** Keys to send with that are taken per durable write. A crash skips the unused ones, so peers must be able to skip as many. Default 32. */
  readonly sendLease: number;
}

const DAY_MS = 86_400_000;

const DEFAULTS: MlsLimits = {
  ...DEFAULT_RATCHET_LIMITS,
  maxMembers: 4096,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  retainEpochs: 4,
  maxKeyPackageLifetimeMs: 400 * DAY_MS,
  maxClockSkewMs: 5 * 60_000,
  sendLease: 32,
};

const RANGES: Partial<Record<string, readonly [min: number, max: number]>> = {
  maxMembers: [1, 65_536],
  maxMessageBytes: [1024, 0x3fff_ffff],
  retainEpochs: [0, 64],
  sendLease: [1, 1024],
};

/** Fills in the defaults. @throws TypeError for an unknown limit or a value out of range */
export function limitsFrom(given: Partial<MlsLimits> = {}): MlsLimits {
  rejectUnknownOptions(given, Object.keys(DEFAULTS), "limits.");
  const limits: MlsLimits = { ...DEFAULTS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    const [min, max] = RANGES[name] ?? [0, Number.MAX_SAFE_INTEGER];
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new TypeError(`limits.${name} must be a whole number from ${min} to ${max}`);
    }
  }
  return limits;
}
