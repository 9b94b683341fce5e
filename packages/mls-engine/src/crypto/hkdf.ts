import type { Digest } from "./primitives.ts";

/** HKDF (RFC 5869) over a hash function. */
export interface Hkdf {
  readonly length: number;
  extract(salt: Uint8Array, ikm: Uint8Array): Uint8Array;
  expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array;
}

/** HKDF with a hash function. `expand` throws a RangeError for more than 255 blocks, which no caller in this package requests. */
export function createHkdf(digest: Digest): Hkdf {
  const size = digest.length;
  return {
    length: size,
    extract: (salt, ikm) => digest.mac(salt, ikm),
    expand: (prk, info, length) => {
      if (length > 255 * size) throw new RangeError(`HKDF output too long: ${length} bytes, limit ${255 * size}`);
      if (length <= size) return firstBlock(digest, prk, info, length);
      const out = new Uint8Array(length);
      const block = new Uint8Array(size + info.length + 1);
      block.set(info, size);
      for (let counter = 1, at = 0; at < length; counter++) {
        block[block.length - 1] = counter;
        const next = digest.mac(prk, counter === 1 ? block.subarray(size) : block);
        out.set(at + size <= length ? next : next.subarray(0, length - at), at);
        block.set(next);
        next.fill(0);
        at += size;
      }
      block.fill(0, 0, size);
      return out;
    },
  };
}

/** The fast path: most outputs are at most one block. */
function firstBlock(digest: Digest, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const input = new Uint8Array(info.length + 1);
  input.set(info);
  input[info.length] = 1;
  const block = digest.mac(prk, input);
  if (length === block.length) return block;
  const out = block.slice(0, length);
  block.fill(0);
  return out;
}
