import { isJsonObject, type JsonObject } from "@parley/core";
import { isJsonArray } from "@parley/core/eager";
import type { Checker } from "./checker.ts";

/** Version of the data model that a document follows. */
export type ModelVersion = "1.1" | "2.0";

export const CONTEXT_V2 = "https://www.w3.org/ns/credentials/v2";
export const CONTEXT_V1 = "https://www.w3.org/2018/credentials/v1";

/** Checks `@context`, whose first entry determines the version of the data model. */
export function checkContext({ "@context": context }: JsonObject, check: Checker): ModelVersion {
  if (!isJsonArray(context)) return check.fail("@context", "must be a list");
  for (const [i, entry] of context.entries()) {
    if (!isJsonObject(entry)) check.url(entry, `@context[${i}]`);
  }
  if (context[0] === CONTEXT_V2) return "2.0";
  if (context[0] === CONTEXT_V1) return "1.1";
  return check.fail("@context[0]", `must be ${CONTEXT_V2}`);
}

/** Checks that `type` includes the expected type. */
export function checkType({ type }: JsonObject, expected: string, check: Checker): void {
  if (!check.types(type, "type").includes(expected)) check.fail("type", `must include ${expected}`);
}
