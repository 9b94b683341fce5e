import type { Durability, StoreChange } from "./group-store.ts";

/** Longest partition name and longest key, in bytes of UTF-8. */
const MAX_TEXT_BYTES = 1024;
/** Largest value, in bytes. */
const MAX_VALUE_BYTES = 64 * 1024 * 1024;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** @throws TypeError */
export function checkPartitionName(name: string): void {
  checkText(name, "A partition's name");
}

/** @throws TypeError */
export function checkBatch(changes: readonly StoreChange[], durability: Durability): void {
  if (durability !== "durable" && durability !== "soon") throw new TypeError('The durability of a write must be "durable" or "soon"');
  for (const { key, value } of changes) {
    checkText(key, "A row's key");
    if (key === "") throw new TypeError("A row's key must not be empty");
    if (value === undefined) continue;
    if (!(value instanceof Uint8Array)) throw new TypeError("A row's value must be a Uint8Array, or undefined to remove the row");
    if (value.length > MAX_VALUE_BYTES) throw new TypeError(`A row's value must have at most ${MAX_VALUE_BYTES} bytes`);
  }
}

function checkText(text: string, what: string): void {
  if (typeof text !== "string" || LONE_SURROGATE.test(text)) throw new TypeError(`${what} must be well-formed text`);
  // A UTF-16 code unit is one to three bytes of UTF-8.
  const fits = text.length * 3 <= MAX_TEXT_BYTES || new TextEncoder().encode(text).length <= MAX_TEXT_BYTES;
  if (!fits) throw new TypeError(`${what} must have at most ${MAX_TEXT_BYTES} bytes in UTF-8`);
}
