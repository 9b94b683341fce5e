/** Bytes of a reuse guard. It is sent with the message, to members only, and is not a secret key. */
export const REUSE_GUARD = 4;

/**
 * Combines a nonce with the reuse guard, in place. The guard is random: if a member restored from a backup uses a generation twice, its two
 * messages still have different nonces, with a probability of 1 - 2^-32 (RFC 9420 §6.3.1).
 */
export function applyReuseGuard(nonce: Uint8Array, guard: Uint8Array): Uint8Array {
  for (let at = 0; at < REUSE_GUARD; at++) nonce[at] = (nonce[at] ?? 0) ^ (guard[at] ?? 0);
  return nonce;
}
