import { leftPad } from "../left-pad.ts";
import type { DhGroup } from "../primitives.ts";
import { CURVES, type NistCurve } from "./nist-curves.ts";
import { plain, type NodeCrypto } from "./node-module.ts";

/** ECDH on the NIST curves, with uncompressed points. */
export function nativeNistDh(node: NodeCrypto, crv: NistCurve): DhGroup {
  const { openssl, length } = CURVES[crv];
  const publicLength = 1 + 2 * length;
  return {
    privateLength: length,
    publicLength,
    importPrivate: (scalar) => {
      const raw = leftPad(scalar, length);
      if (raw === undefined) return undefined;
      const ecdh = node.createECDH(openssl);
      try {
        ecdh.setPrivateKey(raw);
        return {
          raw,
          publicKey: plain(ecdh.getPublicKey()),
          agree: (point) => {
            if (point.length !== publicLength || point[0] !== 4) return undefined;
            try {
              return plain(ecdh.computeSecret(point));
            } catch {
              return undefined;
            }
          },
        };
      } catch {
        return undefined;
      }
    },
  };
}
