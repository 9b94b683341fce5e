/** Deeper bodies overflow the stack of some readers. */
const MAX_DEPTH = 1000;
/** Longest path that an error names, in characters. */
const MAX_PATH = 200;

/** Objects that JSON writes as `{}` or as a list of numbers, and what to send instead. */
const LOSSY: readonly (readonly [isLossy: (value: object) => boolean, remedy: string])[] = [
  [(value) => value instanceof Map, "a Map: send Object.fromEntries(map)"],
  [(value) => value instanceof Set, "a Set: send [...set]"],
  [(value) => value instanceof Promise, "a Promise: await it"],
  [(value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer, "bytes: send base64 text, or an attachment"],
  [(value) => value instanceof Error, "an Error: send its message"],
  [(value) => value instanceof RegExp, "a RegExp: send its source"],
  [(value) => value instanceof WeakMap || value instanceof WeakSet, "a collection that can't be read"],
  [(value) => value instanceof Date && Number.isNaN(value.getTime()), "an invalid Date"],
];

/**
 * Checks that JSON carries every value of a body. Members that are `undefined` or functions are left out, as `JSON.stringify` does;
 * objects with `toJSON` (dates, URLs) count as what that returns.
 *
 * @throws TypeError naming the place and what to send instead.
 */
export function checkJsonBody(body: object): void {
  checkObject(body, "body", []);
}

function checkObject(value: object, path: string, parents: object[]): void {
  for (const [isLossy, remedy] of LOSSY) if (isLossy(value)) throw fault(path, remedy);
  if ("toJSON" in value && typeof value.toJSON === "function") return;
  if (parents.includes(value)) throw fault(path, "an object that contains itself");
  if (parents.length >= MAX_DEPTH) throw fault(path.slice(0, MAX_PATH), `nested deeper than ${MAX_DEPTH} levels`);
  parents.push(value);
  for (const [member, child] of Object.entries(value) as [string, unknown][]) {
    const problem = problemOf(child);
    if (problem === undefined && (typeof child !== "object" || child === null)) continue;
    const place = Array.isArray(value) ? `${path}[${member}]` : `${path}.${member}`;
    if (problem !== undefined) throw fault(place, problem);
    checkObject(child as object, place, parents);
  }
  parents.pop();
}

function problemOf(value: unknown): string | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) return `${value}, which JSON doesn't have`;
  return typeof value === "bigint" ? "a BigInt: send it as text" : undefined;
}

function fault(path: string, what: string): TypeError {
  return new TypeError(`A message can't carry ${path}: it is ${what}`);
}
