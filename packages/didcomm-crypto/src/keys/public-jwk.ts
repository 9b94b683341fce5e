import { createPublicKey } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { decodeBase64url } from "../text/base64url.ts";
import type { Curve } from "./curve.ts";
import type { ImportedKey } from "./key.ts";

/** Bytes of a key, or of one coordinate of it. */
const SIZES: ReadonlyMap<unknown, readonly [curve: Curve, kty: "OKP" | "EC", size: number]> = new Map([
  ["X25519", ["X25519", "OKP", 32]],
  ["Ed25519", ["Ed25519", "OKP", 32]],
  ["P-256", ["P-256", "EC", 32]],
  ["P-384", ["P-384", "EC", 48]],
  ["P-521", ["P-521", "EC", 66]],
  ["secp256k1", ["secp256k1", "EC", 32]],
]);

/**
 * Imports a public JWK; `undefined` if it is none: a private one, an unknown curve, a coordinate that is too long, a point off its curve.
 *
 * Coordinates of points have a fixed length (RFC 7518, section 6.2.1.2), but Authlib, and with it DIDComm for Python, leaves out leading
 * zeros: one message in 128 of theirs on P-256 would be refused otherwise. It is one point and no other all the same.
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
    // OpenSSL refuses points that are not on the curve.
    return { curve, key: createPublicKey({ key: { kty, crv: curve, ...coordinates }, format: "jwk" }) };
  } catch {
    return undefined;
  }
}

function isBase64url(value: unknown, maxLength: number): value is string {
  // The length first, lest a megabyte be decoded.
  return typeof value === "string" && value.length <= maxLength && decodeBase64url(value) !== undefined;
}
