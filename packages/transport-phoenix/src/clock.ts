/** Clocks that differ by less count as the same: the `Date` header has whole seconds, and travels for a while. */
const TOLERANCE_MS = 2000;
/** The header leaves out what has passed of its second. */
const RESOLUTION_MS = 1000;

/**
 * What to add to this machine's clock to get the clock of a server, from the `Date` header of its response. 0 where there is none, and
 * where the clocks may be the same.
 *
 * The result is late rather than early, by at most a second: what is to be valid for a while must not be expired before.
 *
 * @param now this machine's clock on arrival of the response, in milliseconds since 1970.
 */
export function clockOffset(date: string | undefined, now: number): number {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(time)) return 0;
  const offset = time - now;
  return offset > 0 || offset < -TOLERANCE_MS ? offset + RESOLUTION_MS : 0;
}
