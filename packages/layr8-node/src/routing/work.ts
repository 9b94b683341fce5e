import type { Message } from "@parley/core";
import { isFeatureQuery } from "./builtin-protocols.ts";

/** Characters or bytes of a message that count as one unit of work. */
const LENGTH_PER_UNIT = 16 * 1024;
/** A discover-features query that the node answers itself compares patterns with all protocols of its recipient. */
const UNITS_PER_QUERY = 50;

/** Units of work of one message, or frame, of a length: what rates are counted in. A message of up to 16 Ki characters is one unit. */
export function unitsOf(length: number): number {
  return 1 + Math.floor(length / LENGTH_PER_UNIT);
}

/** Units that a message costs besides those of its length: it is stored for each recipient, and the node may answer it itself. */
export function extraUnitsOf(message: Message, length: number): number {
  const copies = message.to.length > 1 ? (new Set(message.to).size - 1) * unitsOf(length) : 0;
  return copies + (isFeatureQuery(message) ? UNITS_PER_QUERY : 0);
}
