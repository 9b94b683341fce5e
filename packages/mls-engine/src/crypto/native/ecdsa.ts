import { MlsEngineError } from "../../errors.ts";
import { leftPad } from "../left-pad.ts";
import type { SignatureScheme } from "../primitives.ts";
import { CURVES, type NistCurve } from "./nist-curves.ts";
import { cacheKeys } from "./key-cache.ts";
import { base64url, plain, type NodeCrypto } from "./node-module.ts";
import { verifyInThreadPool } from "./verify-in-thread-pool.ts";

/** ECDSA with DER signatures and uncompressed points (RFC 9420 §5.1.2). The private key is the scalar. */
export function nativeEcdsa(node: NodeCrypto, crv: NistCurve): SignatureScheme {
  const { openssl, length, hash } = CURVES[crv];

  function pointOf(scalar: Uint8Array): Uint8Array {
    const ecdh = node.createECDH(openssl);
    try {
      ecdh.setPrivateKey(scalar);
      return plain(ecdh.getPublicKey());
    } catch {
      throw new MlsEngineError("malformed", `The bytes are not a private key of ${crv}`);
    }
  }

  const isPoint = (bytes: Uint8Array): boolean => bytes.length === 1 + 2 * length && bytes[0] === 4;
  const coordinates = (point: Uint8Array): { x: string; y: string } => ({
    x: base64url(point.subarray(1, 1 + length)),
    y: base64url(point.subarray(1 + length)),
  });

  const privateKey = cacheKeys((scalar) => {
    const point = pointOf(scalar);
    const d = base64url(leftPad(scalar, length) ?? scalar);
    return node.createPrivateKey({ key: { kty: "EC", crv, d, ...coordinates(point) }, format: "jwk" });
  });
  const publicKey = cacheKeys((point) => node.createPublicKey({ key: { kty: "EC", crv, ...coordinates(point) }, format: "jwk" }));

  return {
    sign: (scalar, message) => new Uint8Array(node.sign(hash, message, privateKey(scalar))),
    verify: (point, message, signature) => {
      if (!isPoint(point)) return false;
      try {
        return node.verify(hash, message, publicKey(point), signature);
      } catch {
        return false;
      }
    },
    verifyInBackground: async (point, message, signature) =>
      isPoint(point) && verifyInThreadPool(node, hash, message, () => publicKey(point), signature),
    generate: () => {
      const ecdh = node.createECDH(openssl);
      const point = new Uint8Array(ecdh.generateKeys());
      return { privateKey: leftPad(new Uint8Array(ecdh.getPrivateKey()), length) ?? new Uint8Array(0), publicKey: point };
    },
  };
}
