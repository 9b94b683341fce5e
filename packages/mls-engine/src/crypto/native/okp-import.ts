import type { KeyObject } from "node:crypto";
import { base64url, plain, type NodeCrypto } from "./node-module.ts";

export type OkpCurve = "X25519" | "X448" | "Ed25519" | "Ed448";

/** Imports a private key of one curve from its raw bytes, which must have the curve's length. */
export type OkpImport = (raw: Uint8Array) => KeyObject;

/** The length of a private key, and its prefix in PKCS #8 (RFC 8410 §7). */
const CURVES: Record<OkpCurve, { readonly length: number; readonly pkcs8Prefix: string }> = {
  X25519: { length: 32, pkcs8Prefix: "302e020100300506032b656e04220420" },
  X448: { length: 56, pkcs8Prefix: "3046020100300506032b656f043a0438" },
  Ed25519: { length: 32, pkcs8Prefix: "302e020100300506032b657004220420" },
  Ed448: { length: 57, pkcs8Prefix: "3047020100300506032b6571043b0439" },
};

/**
 * The fastest import of private keys that works in this runtime; `undefined` if the runtime doesn't support the curve. Called once per
 * cipher suite.
 *
 * Releases of Node before 24.22.1 derive the public key when a JWK's `x` is empty; later ones reject such a JWK. With the OpenSSL of
 * Node 20, PKCS #8 takes ten times as long as the JWK; with that of Node 22 and newer, both take about 40 µs.
 */
export function okpImport(node: NodeCrypto, crv: OkpCurve): OkpImport | undefined {
  const ways = [jwkImport(node, crv), pkcs8Import(node, crv)];
  return ways.find((importKey) => canImport(node, crv, importKey));
}

/** The public key of a private key. */
export function okpPublicKey(node: NodeCrypto, key: KeyObject): Uint8Array {
  const { x } = node.createPublicKey(key).export({ format: "jwk" });
  return plain(Buffer.from(x ?? "", "base64url"));
}

function jwkImport(node: NodeCrypto, crv: OkpCurve): OkpImport {
  return (raw) => node.createPrivateKey({ key: { kty: "OKP", crv, d: base64url(raw), x: "" }, format: "jwk" });
}

function pkcs8Import(node: NodeCrypto, crv: OkpCurve): OkpImport {
  const prefix = Buffer.from(CURVES[crv].pkcs8Prefix, "hex");
  return (raw) => {
    const key = Buffer.concat([prefix, raw]);
    try {
      return node.createPrivateKey({ key, format: "der", type: "pkcs8" });
    } finally {
      key.fill(0);
    }
  };
}

/** Whether an import accepts a key and derives its public half. */
function canImport(node: NodeCrypto, crv: OkpCurve, importKey: OkpImport): boolean {
  const { length } = CURVES[crv];
  try {
    return okpPublicKey(node, importKey(new Uint8Array(length).fill(7))).length === length;
  } catch {
    return false;
  }
}
