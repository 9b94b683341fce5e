import { isJsonObject, type JsonObject } from "@parley/core";

/** The parts of a signed credential that decide how it is attached to a message. Nothing is verified. */
export interface CredentialClaims {
  readonly id: string;
  /** `credentialSubject`; empty if it is absent. */
  readonly subject: JsonObject;
  /** Entries of `credentialSubject.scope`. A credential without any is not a grant. */
  readonly scope: readonly unknown[];
  readonly validUntil: string | undefined;
  /** Whether its type includes VerifiableGrant. */
  readonly isGrant: boolean;
}

/** Characters of the signature in the id of a credential that has none: the header is the same in all credentials of an issuer. */
const SIGNATURE_LENGTH = 32;

/**
 * Reads the claims of a compact JWS, at its top level or in `vc`. Returns `undefined` for any other text, and for a payload that can't be read: then it
 * isn't known whether it is a grant.
 */
export function readClaims(signed: string): CredentialClaims | undefined {
  const [header, payload = "", signature, ...rest] = typeof signed === "string" ? signed.split(".") : [];
  if (!header || !payload || !signature || rest.length > 0) return undefined;
  const claims = parseObject(Buffer.from(payload, "base64url").toString());
  if (claims === undefined) return undefined;
  const credential = isJsonObject(claims["vc"]) ? claims["vc"] : claims;
  const { id = claims["jti"], type, credentialSubject, validUntil } = credential;
  const subject = isJsonObject(credentialSubject) ? credentialSubject : {};
  return {
    id: typeof id === "string" && id !== "" ? id : `urn:jws:${signature.slice(0, SIGNATURE_LENGTH)}`,
    subject,
    scope: Array.isArray(subject["scope"]) ? (subject["scope"] as readonly unknown[]) : [],
    validUntil: typeof validUntil === "string" ? validUntil : undefined,
    isGrant: Array.isArray(type) ? type.includes("VerifiableGrant") : type === "VerifiableGrant",
  };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
