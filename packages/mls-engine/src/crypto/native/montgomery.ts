import type { DhGroup } from "../primitives.ts";
import { cacheKeys } from "./key-cache.ts";
import { base64url, plain, type NodeCrypto } from "./node-module.ts";
import { okpImport, okpPublicKey } from "./okp-import.ts";

const LENGTHS = { X25519: 32, X448: 56 } as const;

/**
 * X25519 and X448; `undefined` if the runtime doesn't support the curve. Imported public keys are cached by their array, since tree nodes are
 * used many times. Private keys are not cached: most are used once, and a cache would keep them in memory.
 */
export function nativeMontgomery(node: NodeCrypto, crv: keyof typeof LENGTHS): DhGroup | undefined {
  const length = LENGTHS[crv];
  const importRaw = okpImport(node, crv);
  if (importRaw === undefined) return undefined;
  const publicKey = cacheKeys((raw) => node.createPublicKey({ key: { kty: "OKP", crv, x: base64url(raw) }, format: "jwk" }));

  return {
    privateLength: length,
    publicLength: length,
    importPrivate: (raw) => {
      if (raw.length !== length) return undefined;
      const privateKey = importRaw(raw);
      return {
        raw,
        publicKey: okpPublicKey(node, privateKey),
        agree: (peer) => {
          if (peer.length !== length) return undefined;
          try {
            return plain(node.diffieHellman({ privateKey, publicKey: publicKey(peer) }));
          } catch {
            // OpenSSL throws for points of small order, whose shared secret would be zero (RFC 7748 §6.1).
            return undefined;
          }
        },
      };
    },
  };
}
