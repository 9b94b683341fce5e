import { randomFillSync } from "node:crypto";

const KEY_BYTES = 16;
/** Drawn at once: a call of its own for each key would cost more than the rest of a message. */
const POOL_KEYS = 256;

let pool = new Uint8Array();
let used = 0;

/** A key that nobody else has. */
export function randomKey(): Uint8Array {
  if (used === pool.length) {
    pool = randomFillSync(new Uint8Array(POOL_KEYS * KEY_BYTES));
    used = 0;
  }
  used += KEY_BYTES;
  return pool.subarray(used - KEY_BYTES, used);
}
