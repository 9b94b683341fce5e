import type { NodeCrypto } from "./node-module.ts";

const POOL_BYTES = 4096;
const MAX_POOLED = 128;

/**
 * Random bytes from a pool, which is filled by one call of the generator: a call takes 3 µs, whatever the number of bytes. Bytes that were
 * taken are erased in the pool.
 */
export function pooledRandom(node: NodeCrypto): (length: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let used = 0;
  return (length) => {
    if (length > MAX_POOLED) return node.randomFillSync(new Uint8Array(length));
    if (used + length > pool.length) {
      pool = node.randomFillSync(new Uint8Array(POOL_BYTES));
      used = 0;
    }
    const bytes = pool.slice(used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return bytes;
  };
}
