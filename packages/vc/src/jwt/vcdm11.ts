import { isJsonObject, type JsonObject } from "@parley/core";
import { entriesOf } from "../json.ts";
import { CONTEXT_V2 } from "../model/context.ts";
import { formatDateTimeStamp, parseDateTimeStamp } from "../model/date.ts";
import { VcError } from "../vc-error.ts";
import type { Claims } from "./claims.ts";

/**
 * Restores a credential from a JWT: the claims are written back to the members that they stand for. Where both exist, they must agree.
 *
 * @throws VcError `claims_invalid`, `issuer_mismatch`
 * @see {@link https://www.w3.org/TR/vc-data-model-1.1/#jwt-decoding | VCDM 1.1, section 6.3.1, JWT Decoding}
 */
export function credentialOfClaims(vc: JsonObject, { iss, sub, jti, nbf, exp }: Claims): JsonObject {
  const { from, until } = dateMembers(vc);
  return {
    ...vc,
    ...(jti !== undefined && { id: checkAgreement(vc["id"], jti, "jti") }),
    ...(iss !== undefined && { issuer: issuerOfClaims(vc["issuer"], iss) }),
    ...(nbf !== undefined && { [from]: dateOfClaims(vc[from], nbf, "nbf") }),
    ...(exp !== undefined && { [until]: dateOfClaims(vc[until], exp, "exp") }),
    ...(sub !== undefined && { credentialSubject: subjectOfClaims(vc["credentialSubject"], sub) }),
  };
}

/** Restores a presentation from a JWT.
 *
 * @throws VcError `claims_invalid`
 */
export function presentationOfClaims(vp: JsonObject, { iss, jti }: Claims): JsonObject {
  return {
    ...vp,
    ...(jti !== undefined && { id: checkAgreement(vp["id"], jti, "jti") }),
    ...(iss !== undefined && vp["holder"] === undefined && { holder: iss }),
  };
}

/** Converts a credential to claims. The claim `vc` also contains the complete credential. */
export function claimsOfCredential(credential: JsonObject, issuer: string): JsonObject {
  const { id, credentialSubject } = credential;
  const { from, until } = dateMembers(credential);
  const subject = isJsonObject(credentialSubject) ? credentialSubject["id"] : undefined;
  return { iss: issuer, sub: subject, jti: id, nbf: secondsOf(credential[from]), exp: secondsOf(credential[until]), vc: credential };
}

function dateMembers(credential: JsonObject): { from: string; until: string } {
  return entriesOf(credential["@context"])[0] === CONTEXT_V2
    ? { from: "validFrom", until: "validUntil" }
    : { from: "issuanceDate", until: "expirationDate" };
}

function checkAgreement(value: JsonObject[string], claim: string, name: string): string {
  if (value !== undefined && value !== claim) throw new VcError("claims_invalid", `The claim ${name} contradicts the document`);
  return claim;
}

function issuerOfClaims(issuer: JsonObject[string], iss: string): string | JsonObject {
  const id = isJsonObject(issuer) ? issuer["id"] : issuer;
  if (id !== undefined && id !== iss) throw new VcError("issuer_mismatch", "The claim iss differs from the issuer");
  return isJsonObject(issuer) ? { ...issuer, id: iss } : iss;
}

function subjectOfClaims(subject: JsonObject[string], sub: string): JsonObject | readonly JsonObject[] {
  const subjects = entriesOf(subject).filter(isJsonObject);
  const [first = {}] = subjects;
  if (subjects.length <= 1) return { ...first, id: checkAgreement(first["id"], sub, "sub") };
  if (!subjects.some(({ id }) => id === sub)) throw new VcError("claims_invalid", "The claim sub contradicts the document");
  return subjects;
}

/** Claims often have whole seconds where the date has a fraction, rounded in either direction. */
function dateOfClaims(value: JsonObject[string], seconds: number, name: string): string {
  if (typeof value !== "string") return formatDateTimeStamp(seconds * 1000);
  const time = parseDateTimeStamp(value);
  if (time !== undefined && Math.abs(time / 1000 - seconds) >= 1) {
    throw new VcError("claims_invalid", `The claim ${name} contradicts the document`);
  }
  return value;
}

function secondsOf(date: JsonObject[string]): number | undefined {
  const time = typeof date === "string" ? parseDateTimeStamp(date) : undefined;
  return time === undefined ? undefined : Math.floor(time / 1000);
}
