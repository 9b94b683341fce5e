import type { JsonObject } from "@parley/core";
import { didOf, publicKeyJwk, type PublicJwk } from "@parley/did";
import { truncate } from "../json.ts";
import { readClaims } from "../jwt/claims.ts";
import { isMediaType, readJws, verifyJws } from "../jwt/jws.ts";
import type { VerifyingKey } from "../keys/curves.ts";
import { importPublicJwk } from "../keys/import-public-jwk.ts";
import { findKey } from "../keys/verification-key.ts";
import { PRESENTATION } from "../kind.ts";
import { VcError } from "../vc-error.ts";
import { checkPeriod, type Verification } from "../verification.ts";
import type { CredentialClaims } from "./credential-claims.ts";
import { digestOf } from "./hash.ts";
import type { SdJwt } from "./sd-jwt.ts";

/** The verifier's requirements on a key binding. */
export interface KeyBinding {
  /** The challenge that was sent to the holder. Use each once: the verification does not remember it. */
  readonly nonce: string;
  /** The verifier's own id, as the holder knows it. */
  readonly audience: string;
  /** How long after signing a presentation is accepted, in milliseconds. Default 300000. */
  readonly maxAgeMs?: number;
}

/** `typ` of a key binding JWT. */
export const KEY_BINDING_TYPE = "kb+jwt";

/**
 * Verifies that the holder's key signed exactly this selection of disclosures, for this verifier and this challenge.
 *
 * @throws VcError
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-7.3 | RFC 9901, section 7.3}
 */
export async function verifyKeyBinding(
  { keyBinding: token, boundText, algorithm }: SdJwt,
  holder: CredentialClaims["holder"],
  { nonce, audience, maxAgeMs = 300_000 }: KeyBinding,
  verification: Verification,
): Promise<void> {
  if (token === undefined) throw new VcError("key_binding_missing", "The presentation has no key binding");
  if (holder === undefined) throw new VcError("key_binding_missing", "The credential is not bound to a key of its holder: it has no cnf");
  const jws = readJws(token);
  if (!isMediaType(jws.header["typ"], KEY_BINDING_TYPE)) {
    const typ = truncate(JSON.stringify(jws.header["typ"]) ?? "none");
    throw new VcError("typ_invalid", `The typ of a key binding must be ${KEY_BINDING_TYPE}, not ${typ}`);
  }
  await verifyJws(jws, await holderKey(holder, verification));
  const { iat, sd_hash: hash } = jws.payload;
  if (hash !== (await digestOf(boundText, algorithm))) {
    throw new VcError("key_binding_invalid", "The key binding is of another credential, or of another selection of its claims");
  }
  const claims = readClaims(jws.payload);
  if (claims.aud?.length !== 1 || claims.aud[0] !== audience) {
    throw new VcError(claims.aud === undefined ? "audience_missing" : "audience_mismatch", "The presentation is not for this verifier");
  }
  if (claims.nonce === undefined) throw new VcError("nonce_missing", "The key binding has no nonce");
  if (claims.nonce !== nonce) throw new VcError("nonce_mismatch", "The presentation answers another challenge");
  if (typeof iat !== "number") throw new VcError("claims_invalid", "The claim iat of a key binding must be a number");
  const codes = { early: "signature_not_yet_valid", late: "signature_expired" } as const;
  const until = { member: "iat with maxAgeMs", time: iat * 1000 + maxAgeMs };
  checkPeriod("The key binding", { from: { member: "iat", time: iat * 1000 }, until }, verification, codes);
  checkPeriod("The key binding", { from: period("nbf", claims.nbf), until: period("exp", claims.exp) }, verification, codes);
}

/**
 * Reads the public key in a `cnf`.
 *
 * @throws VcError `key_unsupported`
 */
export async function readConfirmationKey(value: JsonObject): Promise<{ jwk: PublicJwk; key: VerifyingKey }> {
  const name = "The holder's key in cnf";
  let jwk: PublicJwk;
  try {
    jwk = publicKeyJwk({ id: "#cnf", type: "JsonWebKey", controller: "", publicKeyJwk: value });
  } catch (error) {
    throw new VcError("key_unsupported", `${name} is not a public key of a supported type`, { cause: error });
  }
  return { jwk, key: await importPublicJwk(jwk, name) };
}

async function holderKey(holder: NonNullable<CredentialClaims["holder"]>, verification: Verification): Promise<VerifyingKey> {
  if ("jwk" in holder) return (await readConfirmationKey(holder.jwk)).key;
  const did = didOf(holder.kid);
  if (did === undefined) throw new VcError("kid_invalid", "The kid in cnf is not an absolute DID URL");
  return findKey(holder.kid, did, PRESENTATION, verification);
}

function period(member: string, seconds: number | undefined): { member: string; time: number | undefined } {
  return { member, time: seconds === undefined ? undefined : seconds * 1000 };
}
