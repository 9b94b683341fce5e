import type { JsonObject, JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/eager";
import { without } from "../json.ts";
import { VcError } from "../vc-error.ts";

/** The registered claims of a JWT that verification uses (RFC 7519, section 4.1), and the `nonce` of a presentation. */
export interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly jti?: string;
  readonly aud?: readonly string[];
  readonly nonce?: string;
  /** Seconds since 1970, negative before; likewise `exp`. */
  readonly nbf?: number;
  readonly exp?: number;
}

const REGISTERED: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);
const REGISTERED_AND_NONCE: ReadonlySet<string> = new Set([...REGISTERED, "nonce"]);

/** Names of the claims that describe the signature instead of the document. */
export function claimNames(short: "vc" | "vp"): ReadonlySet<string> {
  return short === "vc" ? REGISTERED : REGISTERED_AND_NONCE;
}

/** Separates the claims of a payload from the document. */
export function splitClaims(payload: JsonObject, short: "vc" | "vp"): { claims: JsonObject; document: JsonObject } {
  const names = claimNames(short);
  const claims = Object.fromEntries(Object.entries(payload).filter(([member]) => names.has(member)));
  return { claims, document: without(payload, names) };
}

/**
 * Reads the claims and checks their types (RFC 7519). `iat` can also be a string, as some issuers write it: no decision depends on it.
 *
 * @throws VcError `claims_invalid`
 */
export function readClaims(payload: JsonObject): Claims {
  const iss = optional(payload, "iss", isText);
  const sub = optional(payload, "sub", isText);
  const jti = optional(payload, "jti", isText);
  const nonce = optional(payload, "nonce", isText);
  const nbf = optional(payload, "nbf", isDate);
  const exp = optional(payload, "exp", isDate);
  optional(payload, "iat", isTextOrDate);
  const aud = optional(payload, "aud", isTextOrTexts);
  return {
    ...(iss !== undefined && { iss }),
    ...(sub !== undefined && { sub }),
    ...(jti !== undefined && { jti }),
    ...(nonce !== undefined && { nonce }),
    ...(nbf !== undefined && { nbf }),
    ...(exp !== undefined && { exp }),
    ...(aud !== undefined && { aud: typeof aud === "string" ? [aud] : aud }),
  };
}

function optional<T extends JsonValue>(payload: JsonObject, claim: string, is: (value: JsonValue) => value is T): T | undefined {
  const value = payload[claim];
  if (value === undefined) return undefined;
  if (!is(value)) throw new VcError("claims_invalid", `The claim ${claim} has the wrong type`);
  return value;
}

function isText(value: JsonValue): value is string {
  return typeof value === "string";
}

function isTextOrTexts(value: JsonValue): value is string | readonly string[] {
  return isText(value) || (isJsonArray(value) && value.every(isText));
}

function isTextOrDate(value: JsonValue): value is string | number {
  return isText(value) || isDate(value);
}

function isDate(value: JsonValue): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
