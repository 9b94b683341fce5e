import { createPublicKey } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { decodeBase64url } from "../text/base64url.ts";
import type { Curve } from "./curve.ts";
import type { ImportedKey } from "./key.ts";

/** Bytes of a coordinate. */
const SIZES: ReadonlyMap<unknown, readonly [curve: Curve, kty: "OKP" | "EC", size: number]> = new Map([
  ["X25519", ["X25519", "OKP", 32]],
  ["Ed25519", ["Ed25519", "OKP", 32]],
  ["P-256", ["P-256", "EC", 32]],
  ["P-384", ["P-384", "EC", 48]],
  ["P-521", ["P-521", "EC", 66]],
  ["secp256k1", ["secp256k1", "EC", 32]],
]);

/** Imports a public JWK; `undefined` if it is none: a private one, an unknown curve, a coordinate of another length, a point off its curve. */
export function importPublicJwk(jwk: unknown): ImportedKey | undefined {
  if (!isJsonObject(jwk) || Object.hasOwn(jwk, "d")) return undefined;
  const [curve, kty, size] = SIZES.get(jwk["crv"]) ?? [];
  if (curve === undefined || kty === undefined || size === undefined || jwk["kty"] !== kty) return undefined;
  const { x, y } = jwk;
  if (!isCoordinate(x, size)) return undefined;
  const coordinates = kty === "OKP" ? { x } : isCoordinate(y, size) ? { x, y } : undefined;
  if (coordinates === undefined) return undefined;
  try {
    // OpenSSL refuses points that are not on the curve.
    return { curve, key: createPublicKey({ key: { kty, crv: curve, ...coordinates }, format: "jwk" }) };
  } catch {
    return undefined;
  }
}

function isCoordinate(value: unknown, size: number): value is string {
  // The length first, lest a megabyte be decoded.
  return typeof value === "string" && value.length === Math.ceil((size * 4) / 3) && decodeBase64url(value) !== undefined;
}
