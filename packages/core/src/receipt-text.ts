import { isJsonObject } from "./json.ts";

/** Header of a message that its agent has encrypted itself: when, in seconds since 1970. */
export const SEALED_TIME = "sealed_time";

/**
 * The text whose digest the receipts of a message have: its plaintext, which nodes pass on unchanged. An agent that encrypts a message itself adds `typ` and
 * `sealed_time` each time: they do not count.
 */
export function receiptText(plaintext: string): string {
  if (!plaintext.includes(`"${SEALED_TIME}":`)) return plaintext;
  const value: unknown = JSON.parse(plaintext);
  if (!isJsonObject(value) || !Object.hasOwn(value, SEALED_TIME)) return plaintext;
  const { typ: _typ, [SEALED_TIME]: _time, ...written } = value;
  return JSON.stringify(written);
}
