import type { KeyObject } from "node:crypto";
import type { NodeCrypto } from "./node-module.ts";

/** Verifies a signature in libuv's thread pool. `false` for malformed keys and signatures too; never rejects. */
export function verifyInThreadPool(
  node: NodeCrypto,
  hash: string | null,
  message: Uint8Array,
  importKey: () => KeyObject,
  signature: Uint8Array,
): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      node.verify(hash, message, importKey(), signature, (error, isValid) => resolve(error === null && isValid));
    } catch {
      resolve(false);
    }
  });
}
