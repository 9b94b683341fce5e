import type { KeySource } from "./keys/verification-key.ts";
import { notNegative, readClock } from "./numbers.ts";
import { readLimits, type VcLimits } from "./limits.ts";
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
  if (typeof resolver?.resolve !== "function") throw new TypeError("A resolver is needed");
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

/** Checks that now is between two times, each of which may be absent. */
export function checkPeriod(
  what: string,
  { from, until }: { from: number | undefined; until: number | undefined },
  { now, toleranceMs }: Verification,
  codes: { early: VcErrorCode; late: VcErrorCode },
): void {
  if (from !== undefined && now + toleranceMs < from) throw new VcError(codes.early, `${what} is not valid yet`);
  if (until !== undefined && now - toleranceMs >= until) throw new VcError(codes.late, `${what} is not valid any more`);
}
