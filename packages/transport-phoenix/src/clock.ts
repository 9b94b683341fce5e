/** A smaller difference counts as none: the `Date` header has whole seconds, and arrives with a delay. */
const TOLERANCE_MS = 2000;
/** The header is rounded down to the second; on average it lacks half of one. */
const RESOLUTION_MS = 1000;

/**
 * The offset to add to this machine's clock to get a server's, from the `Date` header of its response. 0 without the header, and if
 * the clocks may be the same.
 *
 * The result is late rather than early, by at most a second, so that nothing expires too early.
 *
 * @param now this machine's clock on arrival of the response, in milliseconds since 1970.
 */
export function clockOffset(date: string | undefined, now: number): number {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(time)) return 0;
  const offset = time - now;
  return offset > 0 || offset < -TOLERANCE_MS ? offset + RESOLUTION_MS : 0;
}
