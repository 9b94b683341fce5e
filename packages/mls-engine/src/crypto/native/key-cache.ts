import type { KeyObject } from "node:crypto";

/**
 * Caches imported keys by the identity of their arrays, for importing takes as long as verifying. A cached key is released together with its
 * array: tree nodes share arrays between epochs.
 */
export function cacheKeys(importKey: (raw: Uint8Array) => KeyObject): (raw: Uint8Array) => KeyObject {
  const cached = new WeakMap<Uint8Array, KeyObject>();
  return (raw) => {
    const known = cached.get(raw);
    if (known !== undefined) return known;
    const key = importKey(raw);
    cached.set(raw, key);
    return key;
  };
}
