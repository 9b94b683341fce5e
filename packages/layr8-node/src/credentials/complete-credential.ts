import { randomUUID } from "node:crypto";
import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { CredentialError } from "./credential-error.ts";

/** Members that don't belong to a credential, which callers confuse with the request's `issuer_did`. */
const MISPLACED = ["issuerDid", "issuer_did", "iss"];

/**
 * Adds missing members to a credential before signing: `id` with a new `urn:uuid:`, `issuer` with the signing DID.
 *
 * @throws CredentialError `id_missing` or `issuer_missing` when the member is present and invalid; `issuer_mismatch` when the credential
 *   names another issuer, in `issuer` or in a member that belongs to the request.
 */
export function completeCredential(credential: JsonObject, issuerDid: string): JsonObject {
  const { id, issuer } = credential;
  if (!isAbsent(id) && typeof id !== "string") throw new CredentialError("id_missing", "The credential's id must be a string");
  for (const name of MISPLACED) {
    const named = credential[name];
    if (isAbsent(named) || named === issuerDid) continue;
    throw new CredentialError("issuer_mismatch", `The credential's member ${name} names another issuer than issuer_did, which signs it`);
  }
  return { ...credential, id: isAbsent(id) ? `urn:uuid:${randomUUID()}` : id, issuer: issuerFor(issuer, issuerDid) };
}

function issuerFor(issuer: JsonValue | undefined, issuerDid: string): JsonValue {
  if (isAbsent(issuer)) return issuerDid;
  const named = isJsonObject(issuer) ? issuer["id"] : issuer;
  if (isJsonObject(issuer) && isAbsent(named)) return { ...issuer, id: issuerDid };
  if (typeof named !== "string")
    throw new CredentialError("issuer_missing", "The credential's issuer must be a DID, or an object with one as its id");
  if (named !== issuerDid)
    throw new CredentialError("issuer_mismatch", "issuer_did is not the issuer of this credential: leave the issuer out, or sign as it");
  return issuer;
}

/** Some SDKs write absent members as `null` or an empty string. */
function isAbsent(value: JsonValue | undefined): value is undefined | null | "" {
  return value === undefined || value === null || value === "";
}
