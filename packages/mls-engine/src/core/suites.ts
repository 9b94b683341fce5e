import { ciphersuites } from "ts-mls";
import type { Suite } from "./labels.ts";

/** A suite's number on the wire (RFC 9420 §17.1). */
export function suiteId(suite: Suite): number {
  return ciphersuites[suite.name];
}
