import type { CipherSuite } from "../crypto/cipher-suite.ts";

/** Bytes of a reuse guard. */
export const REUSE_GUARD = 4;
/** Guards generated at once: a call of the random number generator takes 3 µs, whatever the number of bytes. */
const POOL_GUARDS = 256;

let pool: Uint8Array = new Uint8Array();
let used = 0;

/** Returns a new random guard. It is sent with the message, to members only, and is no key. */
export function randomReuseGuard({ random }: Pick<CipherSuite, "random">): Uint8Array {
  if (used === pool.length) {
    pool = random(POOL_GUARDS * REUSE_GUARD);
    used = 0;
  }
  used += REUSE_GUARD;
  return pool.subarray(used - REUSE_GUARD, used);
}

/**
 * Combines a nonce with the reuse guard, in place. The guard is random: if a member restored from a backup uses a generation twice, its two
 * messages still have different nonces, with a probability of 1 - 2^-32 (RFC 9420 §6.3.1).
 */
export function applyReuseGuard(nonce: Uint8Array, guard: Uint8Array): Uint8Array {
  for (let at = 0; at < REUSE_GUARD; at++) nonce[at] = (nonce[at] ?? 0) ^ (guard[at] ?? 0);
  return nonce;
}
