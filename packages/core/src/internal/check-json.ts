import { describeKind } from "./describe-kind.ts";

/** Deeper bodies overflow the stack of some readers. */
const MAX_DEPTH = 1000;
/** Longest path that an error names, in characters. */
const MAX_PATH = 200;

/** Objects that JSON writes as `{}` or as a list of numbers, and what to give instead. */
const LOSSY: readonly (readonly [isLossy: (value: object) => boolean, remedy: string])[] = [
  [(value) => value instanceof Map, "a Map: send Object.fromEntries(map)"],
  [(value) => value instanceof Set, "a Set: send [...set]"],
  [(value) => value instanceof Promise, "a Promise: await it"],
  [(value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer, "bytes: send base64 text, or an attachment"],
  [(value) => value instanceof Error, "an Error: send its message"],
  [(value) => value instanceof RegExp, "a RegExp: send its source"],
  [(value) => value instanceof WeakMap || value instanceof WeakSet, "a collection that can't be read"],
  [(value) => value instanceof URLSearchParams, "a URLSearchParams: send Object.fromEntries(parameters)"],
  [isIterable, "a collection that JSON doesn't have: send an array or an object"],
  [(value) => value instanceof Date && Number.isNaN(value.getTime()), "an invalid Date"],
];

/**
 * Checks that JSON carries every value of an object. Members that are `undefined` are left out, as `JSON.stringify` does; objects with
 * `toJSON` (dates, URLs) count as what that returns.
 *
 * @param carrier begins the message, such as `A message`.
 * @param path what the object is called in it, such as `body`.
 * @throws TypeError naming the place and what to give instead.
 */
export function checkJson(carrier: string, path: string, value: object): void {
  checkObject(value, { carrier, root: path, parents: [], members: [] });
  if (!hasToJson(value) || isObject(value.toJSON(""))) return;
  throw fault(carrier, path, `${describeKind(value)}, which JSON doesn't write as an object`);
}

/** The place that a check has reached. The path is composed for error messages only. */
interface Place {
  readonly carrier: string;
  readonly root: string;
  readonly parents: object[];
  /** The member of each parent that leads to the next one; the first parent is the root. */
  readonly members: string[];
}

function checkObject(value: object, place: Place): void {
  const { parents, members } = place;
  if (!isPlain(value)) for (const [isLossy, remedy] of LOSSY) if (isLossy(value)) throw faultAt(place, remedy);
  if (hasToJson(value)) return;
  if (parents.includes(value)) throw faultAt(place, "an object that contains itself");
  if (parents.length >= MAX_DEPTH) throw fault(place.carrier, pathOf(place).slice(0, MAX_PATH), `nested deeper than ${MAX_DEPTH} levels`);
  parents.push(value);
  for (const member of Object.keys(value)) {
    const child: unknown = (value as Record<string, unknown>)[member];
    if (typeof child === "string") continue;
    members.push(member);
    if (typeof child === "object" && child !== null) checkObject(child, place);
    else checkPrimitive(child, place);
    members.pop();
  }
  parents.pop();
}

/** Arrays and ordinary objects without an iterator of their own: most of what is checked. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  return Object.getPrototypeOf(value) === Object.prototype && !(Symbol.iterator in value) && !(Symbol.asyncIterator in value);
}

function pathOf({ root, parents, members }: Place): string {
  return root + members.map((member, depth) => (Array.isArray(parents[depth]) ? `[${member}]` : `.${member}`)).join("");
}

function checkPrimitive(value: unknown, place: Place): void {
  if (typeof value === "number" && !Number.isFinite(value)) throw faultAt(place, `${value}, which JSON doesn't have`);
  if (typeof value === "bigint") throw faultAt(place, "a BigInt: send it as text");
  if (typeof value === "function") throw faultAt(place, "a function: send what it returns");
  if (typeof value === "symbol") throw faultAt(place, "a symbol: send a text");
}

function isIterable(value: object): boolean {
  return !Array.isArray(value) && (Symbol.iterator in value || Symbol.asyncIterator in value) && !hasToJson(value);
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function faultAt(place: Place, what: string): TypeError {
  return fault(place.carrier, pathOf(place), what);
}

function fault(carrier: string, path: string, what: string): TypeError {
  return new TypeError(`${carrier} can't carry ${path}: it is ${what}`);
}
