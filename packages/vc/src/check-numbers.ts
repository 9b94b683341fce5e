import { isExpressible } from "./model/date.ts";

/**
 * Checks a number given by the caller.
 *
 * @returns the number.
 * @throws TypeError if it is negative or not finite.
 */
export function checkNotNegative(value: number, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new TypeError(`${name} must be a number, 0 or greater`);
  return value;
}

/**
 * Checks a time given by the caller, in milliseconds since 1970: every format must be able to express it.
 *
 * @returns the time.
 * @throws TypeError if it is outside the years 0 to 9999.
 */
export function checkTime(time: number, name: string): number {
  if (typeof time !== "number" || !isExpressible(time)) {
    throw new TypeError(`${name} must be milliseconds since 1970, from the year 0 to the year 9999`);
  }
  return time;
}
