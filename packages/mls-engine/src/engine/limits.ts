import { rejectUnknownOptions } from "@parley/core/internal";
import { DEFAULT_RATCHET_LIMITS, type RatchetLimits } from "../secret-tree/ratchet-limits.ts";
import { MAX_MESSAGE_BYTES } from "../framing/private-message.ts";

/** What an engine puts up with. */
export interface MlsLimits extends RatchetLimits {
  /** Members of a group. Default 4096, at most 65 536. */
  readonly maxMembers: number;
  /** Bytes of a message, Welcomes included (they hold the whole tree: about 400 bytes a member). Default 16 MiB. */
  readonly maxMessageBytes: number;
  /** Epochs that are kept after they ended, for messages that come late. Default 4, at most 64. */
  readonly retainEpochs: number;
  /** Longest lifetime of a key package that is added here, in milliseconds. Default 400 days. */
  readonly maxKeyPackageLifetimeMs: number;
  /** How far ahead of the clock here a key package may become valid, in milliseconds: its maker's clock may be fast. Default 5 minutes. */
  readonly maxClockSkewMs: number;
  /** Messages that may be lost to a crash between two durable writes of the own ratchet. Default 32; a peer must be able to skip as many. */
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

const RANGES: Partial<Record<keyof MlsLimits, readonly [min: number, max: number]>> = {
  maxMembers: [1, 65_536],
  maxMessageBytes: [1024, 0x3fff_ffff],
  retainEpochs: [0, 64],
  sendLease: [1, 1024],
};

/** Fills in the defaults. Throws TypeError for what makes no sense. */
export function limitsFrom(given: Partial<MlsLimits> = {}): MlsLimits {
  rejectUnknownOptions(given, Object.keys(DEFAULTS), "limits.");
  const limits: MlsLimits = { ...DEFAULTS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    const [min, max] = RANGES[name as keyof MlsLimits] ?? [0, Number.MAX_SAFE_INTEGER];
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new TypeError(`limits.${name} must be a whole number from ${min} to ${max}`);
    }
  }
  return limits;
}
