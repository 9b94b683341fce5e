import { rejectUnknownOptions } from "./reject-unknown-options.ts";

/** What an option must be. */
export interface OptionCheck {
  /** Goes on after "must be". */
  readonly expected: string;
  is(value: unknown): boolean;
}

export const IS_PORT: OptionCheck = {
  expected: "an integer from 0 to 65535",
  is: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535,
};
export const IS_TEXT: OptionCheck = { expected: "a string that is not empty", is: (value) => typeof value === "string" && value !== "" };
export const IS_BOOLEAN: OptionCheck = { expected: "true or false", is: (value) => typeof value === "boolean" };
export const IS_LOGGER: OptionCheck = {
  expected: "a pino logger, or false",
  is: (value) => value === false || (typeof value === "object" && value !== null && LEVELS.every((level) => hasMethod(value, level))),
};
/** For options that whoever reads them checks. */
export const IS_ANYTHING: OptionCheck = { expected: "anything", is: () => true };

const LEVELS = ["debug", "info", "warn", "error"];

/**
 * Checks options as given: unknown names are rejected with the nearest valid one, and values that are no such thing.
 *
 * @param checks every valid name with its check. An option that is `undefined` counts as absent.
 * @param prefix precedes the option's name in messages, such as `limits.`.
 * @throws TypeError naming the option, what it must be, and what it is.
 */
export function checkOptions<T extends object>(given: unknown, checks: Readonly<Record<keyof T & string, OptionCheck>>, prefix = ""): void {
  const byName: Readonly<Record<string, OptionCheck>> = checks;
  rejectUnknownOptions(given, Object.keys(checks), prefix);
  for (const [name, value] of Object.entries(given ?? {})) {
    const check = byName[name];
    if (value === undefined || check === undefined || check.is(value)) continue;
    throw new TypeError(`Option "${prefix}${name}" must be ${check.expected}, not ${describe(value)}`);
  }
}

/** A value in a message: numbers and booleans as they are; of others, which may hold secrets, the kind. */
function describe(value: unknown): string {
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === "") return "an empty string";
  if (Array.isArray(value)) return "an array";
  return `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>>)[name] === "function";
}
