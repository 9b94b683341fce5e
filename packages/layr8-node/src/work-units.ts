import type { Message } from "@parley/core";
import { asksForReceipts } from "@parley/core/internal";
import { isFeatureQuery } from "./routing/respond/builtin-protocols.ts";

/** Characters or bytes per unit of work. */
const LENGTH_PER_UNIT = 16 * 1024;
/** Units of a discover-features query, whose patterns the node compares with all protocols of the recipient. */
const UNITS_PER_QUERY = 50;
/** Units of the receipts for one recipient: the node signs and stores three. */
const UNITS_OF_RECEIPTS = 3;

/** Units of work of a message or frame by its length. Rates are counted in these units. Up to 16 Ki characters are one unit. */
export function unitsOf(length: number): number {
  return 1 + Math.floor(length / LENGTH_PER_UNIT);
}

/** Units of a message in addition to those of its length: copies for further recipients, receipts, and built-in responses. */
export function extraUnitsOf(message: Message, length: number): number {
  const copies = message.to.length > 1 ? (new Set(message.to).size - 1) * unitsOf(length) : 0;
  const receipts = asksForReceipts(message) ? UNITS_OF_RECEIPTS * Math.max(1, new Set(message.to).size) : 0;
  return copies + receipts + (isFeatureQuery(message) ? UNITS_PER_QUERY : 0);
}
