import { describeKind } from "./describe-kind.ts";
import { nearest } from "./nearest.ts";

/**
 * Rejects an option that nothing reads, such as a misspelt one: its intended effect would silently be missing.
 * Call it with the options as given, before reading any of them. `undefined` counts as "no options". A `signal` must be an AbortSignal.
 *
 * @param known every valid name.
 * @param prefix precedes the option's name in messages, such as `limits.`.
 * @throws TypeError if `given` is not an object, naming the unknown option, the nearest valid one, and all valid ones, or for a wrong signal.
 */
export function rejectUnknownOptions(given: unknown, known: readonly string[], prefix = ""): void {
  if (given === undefined) return;
  if (!isOptions(given)) {
    const subject = prefix === "" ? "Options" : `Option "${prefix.replace(/\.$/, "")}"`;
    throw new TypeError(`${subject} must be an object, not ${describeKind(given)}. Valid options: ${known.join(", ")}`);
  }
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue;
    const meant = nearest(option, known);
    const hint = meant === undefined ? "" : ` Did you mean "${prefix}${meant}"?`;
    throw new TypeError(`Unknown option "${prefix}${option}".${hint} Valid options: ${known.join(", ")}`);
  }
  if ("signal" in given && known.includes("signal")) checkSignal(given.signal, prefix);
}

function checkSignal(signal: unknown, prefix: string): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  const hint = signal instanceof AbortController ? ": pass its signal" : "";
  throw new TypeError(`Option "${prefix}signal" must be an AbortSignal, not ${describeKind(signal)}${hint}`);
}

/** A signal, a date or a map has no own members: taken for options, it would silently set nothing. */
function isOptions(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || Object.prototype.toString.call(value) === "[object Object]";
}
