import { isJsonObject, type JsonObject } from "@parley/core";

const REF = "#/components/schemas/";
/** Suffix that the type provider appends to the name of a request schema. */
const INPUT = /Input$/;

/**
 * Simplifies an OpenAPI document. The type provider emits every schema twice, for requests (`DidInput`) and for responses (`Did`).
 * Unreferenced schemas are removed, and the others get their plain name where it is unambiguous.
 */
export function tidyOpenapi(document: JsonObject): JsonObject {
  const components = objectOf(document["components"]);
  const schemas = objectOf(components["schemas"]);
  const used = usedSchemas(document["paths"], schemas);
  const plain = (name: string): string => {
    const short = name.replace(INPUT, "");
    return used.has(short) ? name : short;
  };
  const kept = Object.fromEntries(
    Array.from(used)
      .toSorted()
      .map((name) => [plain(name), schemas[name]]),
  );
  const tidied = { ...document, components: { ...components, schemas: kept } };
  return JSON.parse(JSON.stringify(tidied), (key, value: unknown) =>
    key === "$ref" && typeof value === "string" && value.startsWith(REF) ? REF + plain(value.slice(REF.length)) : value,
  ) as JsonObject;
}

/** Names of all directly or indirectly referenced schemas. */
function usedSchemas(paths: unknown, schemas: JsonObject): ReadonlySet<string> {
  const used = new Set<string>();
  const queue: unknown[] = [paths];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const [, name = ""] of JSON.stringify(next).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      queue.push(schemas[name]);
    }
  }
  return used;
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
