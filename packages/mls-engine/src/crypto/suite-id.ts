import { suiteId as idOf } from "./suites.ts";
import type { Suite } from "./labels.ts";

/** A suite's number on the wire (RFC 9420 §17.1). */
export function suiteId(suite: Suite): number {
  return idOf(suite.name);
}
