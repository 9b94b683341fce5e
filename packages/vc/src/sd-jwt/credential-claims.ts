import { isJsonObject, type JsonObject } from "@parley/core";
import { isDid } from "@parley/did";
import { readClaims, type Claims } from "../jwt/claims.ts";
import { VcError } from "../vc-error.ts";

/** Claims that must not be selectively disclosable (SD-JWT VC, section 2.2.2.2). */
export const ALWAYS_VISIBLE: ReadonlySet<string> = new Set(["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"]);

/** The claims of an SD-JWT VC that verification uses. */
export interface CredentialClaims extends Claims {
  /** Type of the credential. */
  readonly vct: string;
  /** The holder's key: a public JWK, or the DID URL of a key. Absent if the credential is not bound to one. */
  readonly holder?: { readonly jwk: JsonObject } | { readonly kid: string };
}

/**
 * Reads the claims of an SD-JWT VC.
 *
 * @throws VcError `claims_invalid`
 * @see {@link https://datatracker.ietf.org/doc/draft-ietf-oauth-sd-jwt-vc/ | SD-JWT VC, section 2.2.2}
 */
export function readCredentialClaims(claims: JsonObject): CredentialClaims {
  const { vct, cnf } = claims;
  if (typeof vct !== "string" || vct === "") throw new VcError("claims_invalid", "The claim vct must be a non-empty string");
  const holder = cnf === undefined ? undefined : readConfirmation(cnf);
  return { ...readClaims(claims), vct, ...(holder !== undefined && { holder }) };
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc7800#section-3 | RFC 7800, section 3} */
function readConfirmation(cnf: JsonObject[string]): CredentialClaims["holder"] {
  const { jwk, kid } = isJsonObject(cnf) ? cnf : {};
  if (isJsonObject(jwk) && kid === undefined) return { jwk };
  if (jwk === undefined && typeof kid === "string") return { kid };
  throw new VcError("claims_invalid", "The claim cnf must have either the member jwk or the member kid");
}

/**
 * The DID of the issuer: the claim `iss`, or without it the DID in the key id.
 *
 * @throws VcError `claims_invalid`
 */
export function issuerOfClaims({ iss }: Claims, signerDid: string | undefined): string {
  const issuer = iss ?? signerDid;
  if (issuer === undefined || !isDid(issuer)) {
    throw new VcError("claims_invalid", "The claim iss must be a DID, whose document has the issuer's key");
  }
  return issuer;
}
