import type { KeySource } from "./keys/verification-key.ts";
import { notNegative, readClock } from "./numbers.ts";
import { readLimits, type VcLimits } from "./limits.ts";
import { formatDateTimeStamp } from "./model/date.ts";
import type { VerifyOptions } from "./options.ts";
import { StatusListCache } from "./status/status-list-cache.ts";
import { VcError, type VcErrorCode } from "./vc-error.ts";

/** The options of one verification, with defaults, and the time that it is measured by. */
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

/** Reads options once, so that everything in one call is measured by one time. */
export function beginVerification(options: VerifyOptions): Verification {
  const { resolver, now = Date.now, clockToleranceMs = 30_000, statusTimeoutMs = 10_000, signal } = options;
  if (typeof resolver?.resolve !== "function")
    throw new TypeError("resolver is missing: give one, such as createDidResolver of @parley/did makes");
  signal?.throwIfAborted();
  return {
    resolver,
    signal,
    now: readClock(now),
    toleranceMs: notNegative(clockToleranceMs, "clockToleranceMs"),
    limits: readLimits(options.limits),
    audience: options.audience,
    status: options.status,
    statusTimeoutMs: notNegative(statusTimeoutMs, "statusTimeoutMs"),
    trustedStatusIssuers: new Set(options.trustedStatusIssuers),
    lists: options.statusListCache ?? new StatusListCache(),
  };
}

/** One end of a validity period, and the member that holds it. */
export interface Limit {
  readonly member: string;
  /** Milliseconds since 1970; `undefined` where the member is absent. */
  readonly time: number | undefined;
}

/** Checks that now is between two times. */
export function checkPeriod(
  what: string,
  { from, until }: { from: Limit; until: Limit },
  { now, toleranceMs }: Verification,
  codes: { early: VcErrorCode; late: VcErrorCode },
): void {
  if (from.time !== undefined && now + toleranceMs < from.time) {
    throw new VcError(codes.early, `${what} is not valid yet: ${from.member} is ${distance(from.time, now)}`);
  }
  if (until.time !== undefined && now - toleranceMs >= until.time) {
    throw new VcError(codes.late, `${what} is not valid any more: ${until.member} is ${distance(until.time, now)}`);
  }
}

/** A time, and how far it is from that of this machine, whose clock may be what is wrong. */
function distance(time: number, now: number): string {
  const span = spanOf(Math.abs(time - now));
  const where = time > now ? `${span} ahead of` : `${span} behind`;
  return `${formatDateTimeStamp(time)}, ${where} this verifier's clock (${formatDateTimeStamp(now)}); if that is wrong, set the clock`;
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
