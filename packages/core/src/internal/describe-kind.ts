/** Returns the kind of a value, for messages about wrong arguments: `null`, `an array`, `a URL`, `a number`. It does not quote values, which may be secret. */
export function describeKind(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  const kind = typeof value === "object" ? Object.prototype.toString.call(value).slice("[object ".length, -1) : typeof value;
  if (kind === "Array") return "an array";
  if (kind === "Object") return "an object";
  return `${/^[AEIO]/i.test(kind) ? "an" : "a"} ${kind}`;
}
