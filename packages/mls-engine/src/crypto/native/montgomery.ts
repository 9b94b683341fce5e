import type { KeyObject } from "node:crypto";
import type { DhGroup } from "../primitives.ts";
import { base64url, plain, type NodeCrypto } from "./node-module.ts";

const LENGTHS = { X25519: 32, X448: 56 } as const;

/** X25519 and X448. Public keys are cached by their array (tree nodes are used many times); private ones never (most are used once). */
export function nativeMontgomery(node: NodeCrypto, crv: keyof typeof LENGTHS): DhGroup {
  const length = LENGTHS[crv];
  const publicKeys = new WeakMap<Uint8Array, KeyObject>();

  function publicKey(raw: Uint8Array): KeyObject {
    const known = publicKeys.get(raw);
    if (known !== undefined) return known;
    const key = node.createPublicKey({ key: { kty: "OKP", crv, x: base64url(raw) }, format: "jwk" });
    publicKeys.set(raw, key);
    return key;
  }

  return {
    privateLength: length,
    publicLength: length,
    importPrivate: (raw) => {
      if (raw.length !== length) return undefined;
      // An empty x is accepted, and the public half derived: a tenth of the cost of DER.
      const privateKey = node.createPrivateKey({ key: { kty: "OKP", crv, d: base64url(raw), x: "" }, format: "jwk" });
      const { x } = node.createPublicKey(privateKey).export({ format: "jwk" });
      return {
        raw,
        publicKey: new Uint8Array(Buffer.from(x ?? "", "base64url")),
        agree: (peer) => {
          if (peer.length !== length) return undefined;
          try {
            return plain(node.diffieHellman({ privateKey, publicKey: publicKey(peer) }));
          } catch {
            // OpenSSL refuses points of small order, whose secret would be all zeros (RFC 7748 §6.1).
            return undefined;
          }
        },
      };
    },
  };
}
