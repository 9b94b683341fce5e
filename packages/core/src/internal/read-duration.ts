import { describeKind } from "./describe-kind.ts";
import { warnOnce } from "./warn-once.ts";

/** The longest delay of a Node timer; a longer one fires immediately. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

const MS_PER_SECOND = 1000;
/** A shorter duration was most likely meant in seconds. */
const SUSPICIOUS_MS = 30;
/** A longer duration was most likely meant in milliseconds. */
const SUSPICIOUS_SECONDS = 600;

/** The names under which one duration can be given. */
export interface DurationNames<Ms extends string, Seconds extends string> {
  /** The option in milliseconds, such as `timeoutMs`. */
  readonly ms: Ms;
  /** The option in seconds that the Python SDKs have, such as `timeout`. */
  readonly seconds?: Seconds;
  /** For durations that are usually long, such as the validity of an invite: the most seconds that raise no warning. Default 600. */
  readonly maxPlausibleSeconds?: number;
}

/**
 * Reads a duration that can be given in milliseconds or, under its alias, in seconds. A value that is obviously in the other unit
 * raises one process warning for each name.
 *
 * @param fallbackMs used when neither is given.
 * @returns milliseconds, at most `MAX_TIMER_MS`; `Infinity` counts as that.
 * @throws TypeError if both are given, or the value is not a number or is negative.
 */
export function readDurationMs<Ms extends string, Seconds extends string = never>(
  options: { readonly [Name in NoInfer<Ms | Seconds>]?: number | undefined } | undefined,
  names: DurationNames<Ms, Seconds>,
  fallbackMs: number,
): number {
  const ms = options?.[names.ms];
  const seconds = names.seconds === undefined ? undefined : options?.[names.seconds];
  if (ms !== undefined && seconds !== undefined) {
    throw new TypeError(`Options "${names.ms}" and "${names.seconds}" are the same duration: give one of them`);
  }
  if (ms !== undefined) {
    checkNumber(names.ms, ms, "milliseconds");
    if (ms > 0 && ms <= SUSPICIOUS_MS) {
      const alias = names.seconds === undefined ? "" : `; "${names.seconds}" takes seconds`;
      warnOnce("PARLEY_DURATION_UNIT", `"${names.ms}: ${ms}" is a duration in milliseconds${alias}`);
    }
    return Math.min(ms, MAX_TIMER_MS);
  }
  if (seconds !== undefined) {
    checkNumber(names.seconds ?? "", seconds, "seconds");
    if (seconds > (names.maxPlausibleSeconds ?? SUSPICIOUS_SECONDS) && seconds !== Infinity) {
      warnOnce("PARLEY_DURATION_UNIT", `"${names.seconds}: ${seconds}" is a duration in seconds; "${names.ms}" takes milliseconds`);
    }
    return Math.min(seconds * MS_PER_SECOND, MAX_TIMER_MS);
  }
  return fallbackMs;
}

function checkNumber(name: string, value: unknown, unit: string): void {
  if (typeof value === "number" && value >= 0) return;
  const found = typeof value === "number" ? String(value) : describeKind(value);
  throw new TypeError(`Option "${name}" must be a number of ${unit}, 0 or greater, not ${found}`);
}
