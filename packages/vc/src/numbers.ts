/** A caller's number, which no comparison lets through if it is none. */
export function notNegative(value: number, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new TypeError(`${name} must be a number from 0`);
  return value;
}

/** The time of a caller's clock, in milliseconds since 1970. */
export function readClock(now: () => number): number {
  return notNegative(now(), "The time that now gives");
}
