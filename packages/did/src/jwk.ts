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

/** A public key with its required members and nothing else: no `kid`, `alg` or `use`, which only its document's author vouches for. */
export type PublicJwk = OkpPublicJwk | EcPublicJwk;

const EC_CURVES: ReadonlySet<string> = new Set<EcCurve>(["P-256", "P-384", "P-521", "secp256k1"]);
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Whether a JWK gives away a private key. */
export function isPrivateJwk(jwk: JsonObject): boolean {
  return PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member));
}

/** Reads a public JWK: a known curve, coordinates of the right length, on the curve. */
export function readPublicJwk(value: unknown): PublicJwk {
  if (!isJsonObject(value) || isPrivateJwk(value)) throw new DidError("key_unsupported", "The public key is no public JWK");
  const { kty, crv } = value;
  const x = readCoordinate(value["x"]);
  if (kty === "OKP" && (crv === "Ed25519" || crv === "X25519")) return okpJwk(crv, x);
  if (kty === "EC" && typeof crv === "string" && EC_CURVES.has(crv)) return ecJwk(crv as EcCurve, { x, y: readCoordinate(value["y"]) });
  throw new DidError("key_unsupported", "The public key is of a kind that this library does not know");
}

export function okpJwk(crv: OkpPublicJwk["crv"], key: Uint8Array): OkpPublicJwk {
  if (key.length !== 32) throw new DidError("key_unsupported", `A key of ${crv} has 32 bytes`);
  return { kty: "OKP", crv, x: encodeBase64url(key) };
}

export function ecJwk(crv: EcCurve, point: EcPoint | undefined): EcPublicJwk {
  if (point === undefined || !isOnCurve(crv, point)) throw new DidError("key_unsupported", `The public key is no point of ${crv}`);
  return { kty: "EC", crv, x: encodeBase64url(point.x), y: encodeBase64url(point.y) };
}

/** 88 characters are the 66 bytes of P-521, the longest. */
function readCoordinate(value: unknown): Uint8Array {
  const bytes = typeof value === "string" && value.length <= 88 ? decodeBase64url(value) : undefined;
  if (bytes === undefined) throw new DidError("key_unsupported", "The public key's coordinates are not base64url, or too long");
  return bytes;
}
