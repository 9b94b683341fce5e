import { describeKind } from "./describe-kind.ts";
import { rejectUnknownOptions } from "./reject-unknown-options.ts";

/** A check of one option's value. */
export interface OptionCheck {
  /** Completes the message "… must be". */
  readonly expected: string;
  is(value: unknown): boolean;
  /** Whether the error message quotes an invalid text. Only for options that never contain a secret. */
  readonly isPublic?: boolean;
  /** Whether the value is a secret: not even a wrong number is shown. */
  readonly isSecret?: boolean;
}

export const IS_PORT: OptionCheck = {
  expected: "an integer from 0 to 65535",
  is: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535,
};
export const IS_TEXT: OptionCheck = { expected: "a string that is not empty", is: (value) => typeof value === "string" && value !== "" };
/** `Infinity` is allowed, `NaN` is not. */
export const IS_POSITIVE: OptionCheck = { expected: "a number greater than 0", is: (value) => typeof value === "number" && value > 0 };
export const IS_NOT_NEGATIVE: OptionCheck = { expected: "a number, 0 or greater", is: (value) => typeof value === "number" && value >= 0 };
export const IS_BOOLEAN: OptionCheck = { expected: "true or false", is: (value) => typeof value === "boolean" };
export const IS_FUNCTION: OptionCheck = { expected: "a function", is: (value) => typeof value === "function" };
export const IS_LOGGER: OptionCheck = {
  expected: "a pino logger, or false",
  is: (value) => value === false || (typeof value === "object" && value !== null && LEVELS.every((level) => hasMethod(value, level))),
};
/** For options that are checked where they are used. */
export const IS_ANYTHING: OptionCheck = { expected: "anything", is: () => true };

const MAX_SHOWN = 100;
const LEVELS = ["debug", "info", "warn", "error"];

/**
 * Checks options as given: unknown names are rejected with the nearest valid one, and so are invalid values.
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
    if (check !== undefined) checkOption(`Option "${prefix}${name}"`, value, check);
  }
}

/**
 * Checks the values of options whose names have been checked already. A text such as `"no"` would count as `true`, for example.
 *
 * @throws TypeError naming the option, what it must be, and what it is.
 */
export function checkValues<T extends object>(given: T | undefined, check: OptionCheck, names: readonly (keyof T & string)[]): void {
  for (const name of names) checkOption(`Option "${name}"`, given?.[name], check);
}

/** Checks one value. @param name begins the message. @throws TypeError naming it, what it must be, and what it is. */
export function checkOption(name: string, value: unknown, { expected, is, isPublic = false }: OptionCheck): void {
  if (value === undefined || is(value)) return;
  throw new TypeError(`${name} must be ${expected}, not ${describeValue(value, isPublic)}`);
}

/**
 * A value in a message: numbers and booleans as they are; of others, which may hold secrets, the kind.
 *
 * @param isPublic texts are quoted.
 */
export function describeValue(value: unknown, isPublic: boolean): string {
  if (isPublic && typeof value === "string") return JSON.stringify(value.slice(0, MAX_SHOWN));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value instanceof Uint8Array && value.length > 0) return `a Uint8Array of ${value.length} bytes`;
  return value === "" ? "an empty string" : describeKind(value);
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>>)[name] === "function";
}
