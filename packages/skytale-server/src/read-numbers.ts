/**
 * Fills in the defaults of options that are all numbers greater than 0, and checks what was given: it may come from a file.
 *
 * @throws TypeError naming the option that is unknown or makes no sense.
 */
export function readNumbers<T extends object>(name: string, defaults: T, given: Partial<T>): T {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new TypeError(`${name} must be an object`);
  for (const [option, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, option))
      throw new TypeError(`${name}.${option} is no option; there are ${Object.keys(defaults).join(", ")}`);
    if (typeof value !== "number" || !(value > 0)) throw new TypeError(`${name}.${option} must be a number greater than 0`);
  }
  return { ...defaults, ...given };
}
