import { mutateBytes, type Material } from "./mutate-bytes.ts";
import { pick, type Random } from "./random.ts";

type Holder = Record<string | number, unknown>;

/** Where a value is: in what, and under which name or index. */
interface Place {
  readonly holder: Holder;
  readonly key: string | number;
}

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  0.5,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  1e308,
  "",
  "0",
  " ",
  "\u0000",
  "\ud800",
  "é",
  "*",
  "=",
  "__proto__",
  [],
  {},
  [null],
  [[]],
];

function placesOf(value: unknown, places: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null) return places;
  for (const key of Object.keys(value)) {
    places.push({ holder: value as Holder, key: Array.isArray(value) ? Number(key) : key });
    placesOf((value as Holder)[key], places);
  }
  return places;
}

function parse(bytes: Uint8Array): { root: unknown } | undefined {
  try {
    return { root: JSON.parse(Buffer.from(bytes).toString()) };
  } catch {
    return undefined;
  }
}

function mutateText(text: string, random: Random, { words }: Material): string {
  const at = random(text.length + 1);
  switch (random(7)) {
    case 0:
      return pick(random, words);
    case 1:
      return text.slice(0, at) + pick(random, words) + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + random(4));
    case 3:
      return text.slice(0, at) + String.fromCharCode(random(0x180)) + text.slice(at + random(2));
    case 4:
      return text.slice(0, at) + text.slice(at, at + 8) + text.slice(at);
    case 5:
      return text.slice(0, at) + pick(random, "0123456789abcdefABCDEF+/-_.:;,%#?&=*~ \t\n".split("")) + text.slice(at + 1);
    default:
      return text.repeat(1 + random(20)).slice(0, 10_000);
  }
}

function mutateNumber(value: number, random: Random): number {
  return pick(random, [value + 1, value - 1, -value, value * 2, value + 0.5, value ^ (1 << random(31)), random(2 ** 32)]);
}

function nested(value: unknown, depth: number): unknown {
  let outer = value;
  for (let level = 0; level < depth; level++) outer = level % 2 === 0 ? [outer] : { a: outer };
  return outer;
}

function change({ holder, key }: Place, random: Random, material: Material, others: readonly Place[]): void {
  const value = holder[key];
  const other = others.length === 0 ? null : pick(random, others);
  const set = (changed: unknown): void => void Object.defineProperty(holder, key, { value: changed, ...OPEN });
  switch (random(10)) {
    case 0:
      return set(structuredClone(pick(random, VALUES)));
    case 1:
      return Array.isArray(holder) ? void holder.splice(Number(key), 1) : void delete holder[key];
    case 2:
      return Array.isArray(holder) ? void holder.splice(Number(key), 0, structuredClone(value)) : set([value, structuredClone(value)]);
    case 3:
      return set(structuredClone(other === null ? null : other.holder[other.key]));
    case 4:
      return addMember(holder, value, random, material, other);
    case 5:
      return set(random(8) === 0 ? nested(value, random(200)) : nested(value, 1 + random(2)));
    default:
      if (typeof value === "string") return set(mutateText(value, random, material));
      if (typeof value === "number") return set(mutateNumber(value, random));
      if (typeof value === "boolean") return set(!value);
      if (Array.isArray(value)) return set(value.toReversed());
      return set(structuredClone(pick(random, VALUES)));
  }
}

const OPEN = { enumerable: true, configurable: true, writable: true };

function addMember(holder: Holder, value: unknown, random: Random, { words }: Material, other: Place | null): void {
  const into = typeof value === "object" && value !== null ? (value as Holder) : holder;
  const added: unknown = structuredClone(other === null ? pick(random, VALUES) : other.holder[other.key]);
  if (Array.isArray(into)) return void into.splice(random(into.length + 1), 0, added);
  const name = other !== null && typeof other.key === "string" && random(2) === 0 ? other.key : pick(random, words);
  Object.defineProperty(into, name, { value: added, ...OPEN });
}

/** Changes a JSON value in one to four places, and one time in twelve its text. Input that is not JSON is changed as bytes. */
export function mutateJson(bytes: Uint8Array, random: Random, material: Material): Uint8Array {
  const parsed = random(12) === 0 ? undefined : parse(bytes);
  if (parsed === undefined) return mutateBytes(bytes, random, material);
  const wrapped = { root: parsed.root };
  const others = placesOf(parse(material.other));
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const places = placesOf(wrapped);
    if (places.length > 0) change(pick(random, places), random, material, others.length > 0 ? others : places);
  }
  return new TextEncoder().encode(JSON.stringify(wrapped.root) ?? "null");
}
