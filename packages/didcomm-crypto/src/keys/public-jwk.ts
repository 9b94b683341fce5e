import { createPublicKey } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { decodeBase64url } from "../text/base64url.ts";
import type { Curve } from "./curve.ts";
import type { ImportedKey } from "./key.ts";

/** Key types, and bytes of a key or of one coordinate, by curve. */
const SIZES: ReadonlyMap<unknown, readonly [curve: Curve, kty: "OKP" | "EC", size: number]> = new Map([
  ["X25519", ["X25519", "OKP", 32]],
  ["Ed25519", ["Ed25519", "OKP", 32]],
  ["P-256", ["P-256", "EC", 32]],
  ["P-384", ["P-384", "EC", 48]],
  ["P-521", ["P-521", "EC", 66]],
  ["secp256k1", ["secp256k1", "EC", 32]],
]);

/**
 * Imports a public JWK. `undefined` if it is a private key, its curve is unknown, a coordinate is too long, or the point is not on the curve.
 *
 * Coordinates have a fixed length (RFC 7518, section 6.2.1.2), but Authlib, which DIDComm for Python uses, omits leading zeros. Without
 * accepting that, one in 128 of its messages on P-256 would be rejected. The shorter encoding still identifies a single point.
 */
export function importPublicJwk(jwk: unknown): ImportedKey | undefined {
  if (!isJsonObject(jwk) || Object.hasOwn(jwk, "d")) return undefined;
  const [curve, kty, size] = SIZES.get(jwk["crv"]) ?? [];
  if (curve === undefined || kty === undefined || size === undefined || jwk["kty"] !== kty) return undefined;
  const { x, y } = jwk;
  const longest = Math.ceil((size * 4) / 3);
  const coordinates =
    kty === "OKP"
      ? isBase64url(x, longest) && x.length === longest && { x }
      : isBase64url(x, longest) && isBase64url(y, longest) && { x, y };
  if (coordinates === false) return undefined;
  try {
    // OpenSSL rejects points that are not on the curve.
    return { curve, key: createPublicKey({ key: { kty, crv: curve, ...coordinates }, format: "jwk" }) };
  } catch {
    return undefined;
  }
}

function isBase64url(value: unknown, maxLength: number): value is string {
  // The length is checked first, so that no long text is decoded.
  return typeof value === "string" && value.length <= maxLength && decodeBase64url(value) !== undefined;
}
