import type { JsonObject, JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { without } from "../json.ts";
import { VcError } from "../vc-error.ts";

/** The registered claims of a JWT that matter here (RFC 7519, section 4.1), and the `nonce` of a presentation. */
export interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly jti?: string;
  readonly aud?: readonly string[];
  readonly nonce?: string;
  /** Seconds since 1970, negative before; as is `exp`. */
  readonly nbf?: number;
  readonly exp?: number;
}

const REGISTERED: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);
const REGISTERED_AND_NONCE: ReadonlySet<string> = new Set([...REGISTERED, "nonce"]);

/** Names of the claims that say something about the securing, not about the document. */
export function claimNames(short: "vc" | "vp"): ReadonlySet<string> {
  return short === "vc" ? REGISTERED : REGISTERED_AND_NONCE;
}

/** The claims of a payload, and what remains of it. */
export function splitClaims(payload: JsonObject, short: "vc" | "vp"): { claims: JsonObject; document: JsonObject } {
  const names = claimNames(short);
  const claims = Object.fromEntries(Object.entries(payload).filter(([member]) => names.has(member)));
  return { claims, document: without(payload, names) };
}

/**
 * Reads claims, each of which must be of the kind that RFC 7519 demands. `iat` may be text besides: some issuers write it so, and nothing
 * is decided by it.
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
  if (!is(value)) throw new VcError("claims_invalid", `The claim ${claim} is not of the kind that it must be`);
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
