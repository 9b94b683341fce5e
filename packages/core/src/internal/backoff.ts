/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Ceiling of the first wait, in milliseconds. */
  readonly initialMs: number;
  /** Ceiling of every wait, in milliseconds. */
  readonly maxMs: number;
  /** Source of randomness in [0, 1); for tests. */
  readonly random?: () => number;
}

/**
 * The wait before attempt `attempt` (from 1): a doubling ceiling with jitter over its upper half, so that many clients that lost the
 * same node do not come back in one instant, and none comes back at once.
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const { initialMs, maxMs, random = Math.random } = options;
  const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}
