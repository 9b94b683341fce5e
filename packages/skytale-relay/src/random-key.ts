import { randomFillSync } from "node:crypto";

const KEY_BYTES = 16;
/** Keys generated per call of the random number generator: one call per key would cost more than encoding the message. */
const POOL_KEYS = 256;

let pool = new Uint8Array();
let used = 0;

/** Returns a random 16-byte key. */
export function randomKey(): Uint8Array {
  if (used === pool.length) {
    pool = randomFillSync(new Uint8Array(POOL_KEYS * KEY_BYTES));
    used = 0;
  }
  used += KEY_BYTES;
  return pool.subarray(used - KEY_BYTES, used);
}
