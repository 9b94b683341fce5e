import type { HashName } from "../suites.ts";
import type { Digest } from "../primitives.ts";
import { plain, type NodeCrypto } from "./node-module.ts";

const HASHES: Record<HashName, { readonly algorithm: string; readonly length: number }> = {
  "SHA-256": { algorithm: "sha256", length: 32 },
  "SHA-384": { algorithm: "sha384", length: 48 },
  "SHA-512": { algorithm: "sha512", length: 64 },
};

export function nativeDigest(node: NodeCrypto, name: HashName): Digest {
  const { algorithm, length } = HASHES[name];
  return {
    length,
    digest: (data) => plain(node.createHash(algorithm).update(data).digest()),
    mac: (key, data) => plain(node.createHmac(algorithm, key).update(data).digest()),
  };
}
