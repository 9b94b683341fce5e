import { isJsonObject, type JsonObject } from "@parley/core";
import { decodeBase64url, encodeBase64url } from "@parley/core/internal";
import { DidError } from "./did-error.ts";
import { isOnCurve, type EcCurve, type EcPoint } from "./ec-point.ts";

/** A public key of an Edwards or Montgomery curve (RFC 8037). */
export interface OkpPublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519" | "X25519";
  readonly x: string;
}

/** A public key of a Weierstrass curve (RFC 7518, section 6.2; RFC 8812). */
export interface EcPublicJwk {
  readonly kty: "EC";
  readonly crv: EcCurve;
  readonly x: string;
  readonly y: string;
}

/** A public key with its required members only, without `kid`, `alg` or `use`. */
export type PublicJwk = OkpPublicJwk | EcPublicJwk;

const EC_CURVES: ReadonlySet<string> = new Set<EcCurve>(["P-256", "P-384", "P-521", "secp256k1"]);
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Whether a JWK contains a private key. */
export function isPrivateJwk(jwk: JsonObject): boolean {
  return PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member));
}

/**
 * Reads a public JWK: the curve must be supported, and the coordinates must have the right length and be on the curve.
 *
 * @throws DidError `key_unsupported`
 */
export function readPublicJwk(value: unknown): PublicJwk {
  if (!isJsonObject(value) || isPrivateJwk(value)) throw new DidError("key_unsupported", "The public key is not a public JWK");
  const { kty, crv } = value;
  const x = readCoordinate(value["x"]);
  if (kty === "OKP" && (crv === "Ed25519" || crv === "X25519")) return okpJwk(crv, x);
  if (kty === "EC" && typeof crv === "string" && EC_CURVES.has(crv)) return ecJwk(crv as EcCurve, { x, y: readCoordinate(value["y"]) });
  throw new DidError("key_unsupported", "The type of the public key is not supported");
}

export function okpJwk(crv: OkpPublicJwk["crv"], key: Uint8Array): OkpPublicJwk {
  if (key.length !== 32) throw new DidError("key_unsupported", `A key of ${crv} must have 32 bytes`);
  return { kty: "OKP", crv, x: encodeBase64url(key) };
}

export function ecJwk(crv: EcCurve, point: EcPoint | undefined): EcPublicJwk {
  if (point === undefined || !isOnCurve(crv, point)) throw new DidError("key_unsupported", `The public key is not a point of ${crv}`);
  return { kty: "EC", crv, x: encodeBase64url(point.x), y: encodeBase64url(point.y) };
}

/** The longest coordinates, of P-521, have 66 bytes or 88 characters. */
function readCoordinate(value: unknown): Uint8Array {
  const bytes = typeof value === "string" && value.length <= 88 ? decodeBase64url(value) : undefined;
  if (bytes === undefined) throw new DidError("key_unsupported", "The public key's coordinates are not base64url, or too long");
  return bytes;
}
