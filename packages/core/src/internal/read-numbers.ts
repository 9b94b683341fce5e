import { rejectUnknownOptions } from "./reject-unknown-options.ts";

/**
 * Fills in the defaults of options that are all numbers greater than 0, and checks what was given: it may come from a file.
 *
 * @param name what the options are called in messages, such as `limits`.
 * @throws TypeError naming the option that is unknown or makes no sense.
 */
export function readNumbers<T extends object>(name: string, defaults: T, given: Partial<T>): T {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new TypeError(`${name} must be an object`);
  rejectUnknownOptions(given, Object.keys(defaults), `${name}.`);
  for (const [option, value] of Object.entries(given)) {
    if (typeof value !== "number" || !(value > 0)) throw new TypeError(`${name}.${option} must be a number greater than 0`);
  }
  return { ...defaults, ...given };
}
