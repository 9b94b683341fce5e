/** A difference between two sessions. */
export interface Difference {
  /** Where, such as `node agents did:web:localhost:bob`. */
  readonly where: string;
  readonly member: string;
  readonly before: string;
  readonly after: string;
}

/** Members that identify the entries of a list. */
const NAMES = ["did", "name", "code", "host", "id", "requestId"];
/** Members that differ in any two sessions. */
const IGNORED: ReadonlySet<string> = new Set([
  "now",
  "lastSeenAt",
  "silentMs",
  "joinedMs",
  "sinceMs",
  "redeliveryInMs",
  "oldestMs",
  "nextProbeInMs",
  "last",
]);
const COMPARED = /^read\/|^problems$/;
const MAX_DIFFERENCES = 500;

/** Compares two sessions by path. Events and samples are not compared. */
export function differencesOf(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): readonly Difference[] {
  const found: Difference[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    if (!COMPARED.test(path) || path.includes("?")) continue;
    compare(path.replace("read/", "").replace("/", " "), "", before.get(path), after.get(path), found);
  }
  return found.slice(0, MAX_DIFFERENCES);
}

function compare(where: string, member: string, before: unknown, after: unknown, found: Difference[]): void {
  if (isList(before) && isList(after)) {
    const [first, second] = [byName(before), byName(after)];
    for (const name of new Set([...first.keys(), ...second.keys()]))
      compare(`${where} ${name}`, "", first.get(name), second.get(name), found);
    return;
  }
  if (isRecord(before) && isRecord(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (!IGNORED.has(name)) compare(where, member === "" ? name : `${member}.${name}`, before[name], after[name], found);
    }
    return;
  }
  const [one, other] = [shown(before), shown(after)];
  if (one !== other) found.push({ where, member, before: one, after: other });
}

function byName(list: readonly Record<string, unknown>[]): Map<string, Record<string, unknown>> {
  return new Map(
    list.map((entry, index) => {
      const name = NAMES.map((one) => entry[one]).find((value) => typeof value === "string");
      return [name === undefined ? String(index) : name, entry];
    }),
  );
}

function isList(value: unknown): value is readonly Record<string, unknown>[] {
  return Array.isArray(value) && value.every(isRecord);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === undefined) return "absent";
  if (isRecord(value)) return "present";
  return typeof value === "string" ? value : JSON.stringify(value);
}
