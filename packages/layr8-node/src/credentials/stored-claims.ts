import { isJsonObject, type JsonObject } from "@parley/core";
import { VcError } from "@parley/vc";
import { CredentialError } from "./credential-error.ts";

/** What the node notes of a credential beside the credential itself. */
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
 * What a credential says of its issuer and its end, held against what its holder says of them. Where the credential says nothing, the
 * holder's word stands.
 *
 * @throws VcError `credential_invalid`, when it is no credential; CredentialError `issuer_mismatch`, `valid_until_mismatch`.
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
