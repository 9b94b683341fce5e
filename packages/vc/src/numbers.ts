import { isExpressible } from "./model/date.ts";

/** A caller's number, checked to be finite and not negative. */
export function notNegative(value: number, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new TypeError(`${name} must be a number from 0`);
  return value;
}

/** The time of a caller's clock, in milliseconds since 1970. */
export function readClock(now: () => number): number {
  return expressible(now(), "The time that now gives");
}

/** A caller's time, which every format can express. @throws TypeError */
export function expressible(time: number, name: string): number {
  if (typeof time !== "number" || !isExpressible(time)) {
    throw new TypeError(`${name} must be milliseconds since 1970, from the year 0 to the year 9999`);
  }
  return time;
}
