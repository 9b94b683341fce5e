import type { KeySource } from "./keys/verification-key.ts";
import { checkNotNegative, checkTime } from "./check-numbers.ts";
import { readLimits, type VcLimits } from "./vc-limits.ts";
import { formatDateTimeStamp } from "./model/date.ts";
import type { VerifyOptions } from "./verify-options.ts";
import { StatusListCache } from "./status/status-list-cache.ts";
import { VcError, type VcErrorCode } from "./vc-error.ts";

/** The options of one verification with their defaults, and its time. */
export interface Verification extends KeySource {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly toleranceMs: number;
  readonly limits: VcLimits;
  readonly audience: string | undefined;
  readonly status: VerifyOptions["status"];
  readonly statusTimeoutMs: number;
  readonly trustedStatusIssuers: ReadonlySet<string>;
  readonly lists: StatusListCache;
}

/**
 * Reads the options of one call. The clock is read once, so that every check in the call uses the same time.
 *
 * @throws TypeError naming the invalid option.
 */
export function beginVerification(options: VerifyOptions): Verification {
  const { resolver, now = Date.now, clockToleranceMs = 30_000, statusTimeoutMs = 10_000, signal } = options;
  if (typeof resolver?.resolve !== "function") {
    throw new TypeError('Missing option "resolver": pass one, such as the result of createDidResolver of @parley/did');
  }
  signal?.throwIfAborted();
  return {
    resolver,
    signal,
    now: checkTime(now(), "The time returned by now"),
    toleranceMs: checkNotNegative(clockToleranceMs, "clockToleranceMs"),
    limits: readLimits(options.limits),
    audience: options.audience,
    status: options.status,
    statusTimeoutMs: checkNotNegative(statusTimeoutMs, "statusTimeoutMs"),
    trustedStatusIssuers: new Set(options.trustedStatusIssuers),
    lists: options.statusListCache ?? new StatusListCache(),
  };
}

/** One end of a validity period, and the member that states it. */
export interface Limit {
  readonly member: string;
  /** Milliseconds since 1970; `undefined` where the member is absent. */
  readonly time: number | undefined;
}

/** A validity period. */
export interface Period {
  readonly from: Limit;
  readonly until: Limit;
}

/**
 * Checks that the time of the verification is within a period, give or take the clock tolerance.
 *
 * @throws VcError with one of the given codes, naming the member and its distance from this clock.
 */
export function checkPeriod(
  subject: string,
  { from, until }: Period,
  { now, toleranceMs }: Verification,
  codes: { early: VcErrorCode; late: VcErrorCode },
): void {
  if (from.time !== undefined && now + toleranceMs < from.time) {
    throw new VcError(codes.early, `${subject} is not valid yet: ${from.member} is ${distance(from.time, now)}`);
  }
  if (until.time !== undefined && now - toleranceMs >= until.time) {
    throw new VcError(codes.late, `${subject} has expired: ${until.member} is ${distance(until.time, now)}`);
  }
}

/** A time and its distance from this verifier's clock, so that a wrong clock is noticed. */
function distance(time: number, now: number): string {
  const span = spanOf(Math.abs(time - now));
  const where = time > now ? `${span} ahead of` : `${span} behind`;
  return `${formatDateTimeStamp(time)}, ${where} this verifier's clock (${formatDateTimeStamp(now)}); if that is wrong, correct the clock`;
}

const UNITS = [
  ["d", 86_400_000, 2],
  ["h", 3_600_000, 2],
  ["min", 60_000, 2],
] as const;

function spanOf(ms: number): string {
  const [unit, length] = UNITS.find(([, size, least]) => ms >= least * size) ?? ["s", 1000];
  return `${Math.round(ms / length)} ${unit}`;
}
