import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "./credential-format.ts";
import { makeEnvelope } from "./jwt/envelope.ts";
import { signJws } from "./jwt/jws.ts";
import { claimsOfCredential } from "./jwt/vcdm11.ts";
import type { Signer } from "./keys/signing-key.ts";
import type { Kind } from "./kind.ts";
import { formatDateTimeStamp } from "./model/date.ts";
import { addProof } from "./proof/add-proof.ts";

/** The kind, signer and binding of a signature. */
export interface Purpose {
  readonly kind: Kind;
  /** DID of the issuer or holder. */
  readonly party: string;
  /** Milliseconds since 1970; likewise `expires`. */
  readonly now: number;
  readonly expires?: number;
  readonly nonce?: string | undefined;
  readonly audience?: string | readonly string[] | undefined;
}

/**
 * Signs a document that has been checked against the data model.
 *
 * @throws TypeError if the format is unknown.
 */
export async function secure(document: JsonObject, purpose: Purpose, signer: Signer, format: CredentialFormat): Promise<string> {
  switch (format) {
    case "compact_jwt":
      return signCompact(document, purpose, signer);
    case "enveloped":
      return JSON.stringify(makeEnvelope(await signCompact(document, purpose, signer), purpose.kind));
    case "jwt":
      return signVcdm11(document, purpose, signer);
    case "json":
      return JSON.stringify(await signEmbedded(document, purpose, signer));
    default:
      throw new TypeError(`Unknown format "${String(format)}". Valid formats: compact_jwt, jwt, json, enveloped`);
  }
}

function signCompact(document: JsonObject, purpose: Purpose, signer: Signer): Promise<string> {
  const { typ, short: cty } = purpose.kind;
  return signJws({ ...document, ...bindingClaims(purpose) }, { typ, cty, kid: signer.kid }, signer);
}

function signVcdm11(document: JsonObject, purpose: Purpose, signer: Signer): Promise<string> {
  const { kind, party } = purpose;
  const claims = kind.name === "credential" ? claimsOfCredential(document, party) : { iss: party, vp: document };
  return signJws({ ...claims, ...bindingClaims(purpose) }, { typ: "JWT", kid: signer.kid }, signer);
}

function bindingClaims({ now, expires, nonce, audience }: Purpose): JsonObject {
  return {
    iat: Math.floor(now / 1000),
    ...(expires !== undefined && { exp: Math.floor(expires / 1000) }),
    ...(nonce !== undefined && { nonce }),
    ...(audience !== undefined && { aud: audience }),
  };
}

function signEmbedded(document: JsonObject, { kind, now, expires, nonce, audience }: Purpose, signer: Signer): Promise<JsonObject> {
  return addProof(document, signer, {
    created: formatDateTimeStamp(now),
    ...(expires !== undefined && { expires: formatDateTimeStamp(expires) }),
    proofPurpose: kind.relationship,
    ...(nonce !== undefined && { challenge: nonce }),
    ...(audience !== undefined && { domain: audience }),
  });
}
