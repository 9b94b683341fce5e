import { isJsonObject, type JsonObject } from "@parley/core";
import { VcError } from "@parley/vc";
import { CredentialError } from "./credential-error.ts";

/** Metadata that the node stores with a credential. */
export interface StoredClaims {
  readonly issuerDid?: string;
  /** RFC 3339. */
  readonly validUntil?: string;
}

/** The DID or URL of a credential's issuer: `issuer` itself, or the `id` in it. */
function issuerOf({ issuer }: JsonObject): string | undefined {
  const id = isJsonObject(issuer) ? issuer["id"] : issuer;
  return typeof id === "string" ? id : undefined;
}

/**
 * Checks a credential's issuer and expiry against what its holder states. The holder's statement is used for a missing member.
 *
 * @throws VcError `credential_invalid` when it is not a credential.
 * @throws CredentialError `issuer_mismatch`, `valid_until_mismatch`.
 */
export function claimsOf(credential: JsonObject, said: StoredClaims): StoredClaims {
  const { type } = credential;
  if (![type].flat().includes("VerifiableCredential")) throw new VcError("credential_invalid", "type must include VerifiableCredential");
  const issuerDid = issuerOf(credential) ?? said.issuerDid;
  if (said.issuerDid !== undefined && said.issuerDid !== issuerDid) {
    throw new CredentialError("issuer_mismatch", "issuer_did is not the issuer of this credential");
  }
  const { validUntil: end = credential["expirationDate"] } = credential;
  const validUntil = typeof end === "string" ? end : said.validUntil;
  if (said.validUntil !== undefined && Date.parse(said.validUntil) !== Date.parse(validUntil ?? "")) {
    throw new CredentialError("valid_until_mismatch", "valid_until is not the end of this credential's validity");
  }
  return { ...(issuerDid !== undefined && { issuerDid }), ...(validUntil !== undefined && { validUntil }) };
}
