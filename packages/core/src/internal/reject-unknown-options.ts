import { nearest } from "./nearest.ts";

/**
 * Rejects an option that nothing reads, such as a misspelt one: its intended effect would silently be missing.
 * Call it with the options as given, before reading any of them. `undefined` counts as "no options".
 *
 * @param known every valid name.
 * @param prefix precedes the option's name in messages, such as `limits.`.
 * @throws TypeError if `given` is not an object, or naming the unknown option, the nearest valid one, and all valid ones.
 */
export function rejectUnknownOptions(given: unknown, known: readonly string[], prefix = ""): void {
  if (given === undefined) return;
  if (!isOptions(given)) {
    const subject = prefix === "" ? "Options" : `Option "${prefix.replace(/\.$/, "")}"`;
    throw new TypeError(`${subject} must be an object, not ${describe(given)}. Valid options: ${known.join(", ")}`);
  }
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue;
    const meant = nearest(option, known);
    const hint = meant === undefined ? "" : ` Did you mean "${prefix}${meant}"?`;
    throw new TypeError(`Unknown option "${prefix}${option}".${hint} Valid options: ${known.join(", ")}`);
  }
}

/** A signal, a date or a map has no own members: taken for options, it would silently set nothing. */
function isOptions(value: unknown): value is object {
  return Object.prototype.toString.call(value) === "[object Object]";
}

function describe(value: unknown): string {
  if (value === null) return "null";
  const kind = typeof value === "object" ? Object.prototype.toString.call(value).slice("[object ".length, -1) : typeof value;
  if (kind === "Array") return "an array";
  return `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind}`;
}
