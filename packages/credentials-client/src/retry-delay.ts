import { backoffMs } from "@parley/core/internal";
import { RestError } from "./rest-error.ts";
import type { Settings } from "./credentials-client-options.ts";

/** Statuses after which a read is retried. */
const STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * The delay before a read is retried; `undefined` if it is not retried. `attempt` is the number of the failed attempt, from 1.
 * The node's `Retry-After` lengthens the delay, up to `maxMs`.
 */
export function retryDelay(error: unknown, attempt: number, { maxRetries, initialMs, maxMs }: Settings["retry"]): number | undefined {
  if (attempt > maxRetries || !(error instanceof RestError)) return undefined;
  const worthwhile = error.status === undefined ? error.code === "network" : STATUSES.has(error.status);
  if (!worthwhile) return undefined;
  return Math.max(backoffMs(attempt, { initialMs, maxMs }), Math.min(error.retryAfterMs ?? 0, maxMs));
}

/**
 * Parses a `Retry-After` header, which holds seconds or a date. Returns `undefined` for any other value.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 | RFC 9110, section 10.2.3}
 */
export function parseRetryAfter(value: string | undefined, now: () => number = Date.now): number | undefined {
  if (value === undefined || value.length > 64) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = /^[A-Z][a-z]{2}, \d/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now());
}
