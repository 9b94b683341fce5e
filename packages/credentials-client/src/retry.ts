import { backoffMs } from "@parley/core/internal";
import { RestError } from "./errors.ts";
import type { Settings } from "./options.ts";

/** Statuses after which a read is tried again. */
const STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * How long to wait before a read is tried once more; `undefined` if it is not. `attempt` counts from 1, and is the one that failed.
 * The node's `Retry-After` lengthens the wait, as far as `maxMs` goes.
 */
export function retryDelay(error: unknown, attempt: number, { maxRetries, initialMs, maxMs }: Settings["retry"]): number | undefined {
  if (attempt > maxRetries || !(error instanceof RestError)) return undefined;
  const worthwhile = error.status === undefined ? error.code === "network" : STATUSES.has(error.status);
  if (!worthwhile) return undefined;
  return Math.max(backoffMs(attempt, { initialMs, maxMs }), Math.min(error.retryAfterMs ?? 0, maxMs));
}

/**
 * Reads a `Retry-After` header: seconds or a date. `undefined` if it is neither.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 | RFC 9110, section 10.2.3}
 */
export function parseRetryAfter(value: string | undefined, now: () => number = Date.now): number | undefined {
  if (value === undefined || value.length > 64) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = /^[A-Z][a-z]{2}, \d/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now());
}
