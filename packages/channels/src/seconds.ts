const SECOND = 1000;
/** Timers take no more than this, and fire at once beyond. */
const LONGEST_MS = 2 ** 31 - 1;

/** A timeout in seconds as milliseconds for a timer. @throws TypeError */
export function waitMs(seconds: number): number {
  if (typeof seconds !== "number" || !(seconds >= 0)) throw new TypeError("A timeout is a number of seconds from 0 on");
  return Math.min(seconds * SECOND, LONGEST_MS);
}
