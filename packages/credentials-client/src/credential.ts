import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";

/**
 * A credential to be signed, in the {@link https://www.w3.org/TR/vc-data-model-2.0/ | W3C data model}. Members that are not listed here
 * are signed unchanged.
 */
export interface Credential {
  /** Default `["https://www.w3.org/ns/credentials/v2"]`. `"@context"` may be written instead. */
  readonly context?: string | readonly JsonValue[];
  /** `"VerifiableCredential"` is put first if it is missing. */
  readonly type?: string | readonly string[];
  /** The subject and the claims about it. */
  readonly credentialSubject: JsonObject | readonly JsonObject[];
  /** Default: a new `urn:uuid:…`. */
  readonly id?: string;
  /** Default: the signing DID. */
  readonly issuer?: string | JsonObject;
  /** A Date or RFC 3339 text. */
  readonly validFrom?: Date | string;
  /** A Date or RFC 3339 text. */
  readonly validUntil?: Date | string;
  readonly credentialStatus?: JsonObject | readonly JsonObject[];
  readonly credentialSchema?: JsonObject | readonly JsonObject[];
  readonly [member: string]: JsonValue | Date | undefined;
}

/** Members in the spelling of the Python SDK. Verifiers would ignore them. */
const SNAKE_CASE: readonly (readonly [string, string])[] = [
  ["credential_subject", "credentialSubject"],
  ["valid_from", "validFrom"],
  ["valid_until", "validUntil"],
  ["credential_status", "credentialStatus"],
  ["credential_schema", "credentialSchema"],
];

const CONTEXT = "https://www.w3.org/ns/credentials/v2";
const TYPE = "VerifiableCredential";

/** Builds the credential to be signed, with the members that nodes require. @throws TypeError naming the member. */
export function writeCredential(credential: Credential, issuerDid: string): JsonObject {
  if (!isJsonObject(credential)) throw new TypeError("credential must be an object");
  for (const option of ["issuerDid", "issuer_did"]) {
    if (option in credential)
      throw new TypeError(`credential.${option} is not a member of credentials: it is an option, the second argument`);
  }
  const { context, "@context": atContext, type, id, issuer, validFrom, validUntil, credentialSubject, ...more } = credential;
  if (context !== undefined && atContext !== undefined) throw new TypeError('credential has both context and "@context"; give one of them');
  for (const [member, name] of SNAKE_CASE) {
    if (member in credential) throw new TypeError(`credential.${member} is not a member of credentials. Did you mean "${name}"?`);
  }
  for (const member of ["credentialStatus", "credentialSchema"]) {
    if (more[member] !== undefined) checkObjects(member, more[member]);
  }
  checkObjects("credentialSubject", credentialSubject);
  const from = validFrom === undefined ? undefined : writeDate("validFrom", validFrom);
  const until = validUntil === undefined ? undefined : writeDate("validUntil", validUntil);
  return {
    "@context": writeContext(context ?? atContext ?? CONTEXT),
    id: id === undefined ? `urn:uuid:${crypto.randomUUID()}` : text("id", id),
    type: writeType(type ?? TYPE),
    issuer: issuer === undefined ? issuerDid : writeIssuer(issuer),
    ...(from === undefined ? {} : { validFrom: from }),
    ...(until === undefined ? {} : { validUntil: until }),
    credentialSubject,
    ...(more as JsonObject), // a Date is written as its RFC 3339 text
  };
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i;

/** Formats a date as RFC 3339 text. @throws TypeError naming the member. */
export function writeDate(name: string, date: unknown): string {
  const text = date instanceof Date && !Number.isNaN(date.getTime()) ? date.toISOString() : date;
  // Credentials need an upper-case T and Z, and years of four digits.
  if (typeof text === "string" && RFC3339.test(text) && !Number.isNaN(Date.parse(text))) return text.toUpperCase();
  throw new TypeError(`${name} must be a valid Date from the year 0 to the year 9999, or text like 2027-01-31T12:00:00Z`);
}

function writeContext(context: unknown): readonly JsonValue[] {
  const all = Array.isArray(context) ? (context as readonly JsonValue[]) : [context as JsonValue];
  if (all.length > 0 && all.every((entry) => (typeof entry === "string" && entry !== "") || isJsonObject(entry))) return all;
  throw new TypeError("context must be a URL or an object, or a list of at least one");
}

function writeType(type: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(type) ? type : [type];
  const names = all.map((name) => text("type", name));
  return names.includes(TYPE) ? names : [TYPE, ...names];
}

function writeIssuer(issuer: unknown): string | JsonObject {
  if (isJsonObject(issuer)) {
    text("issuer.id", issuer["id"]);
    return issuer;
  }
  return text("issuer", issuer);
}

function checkObjects(name: string, value: unknown): void {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (all.length === 0 || !all.every((entry) => isJsonObject(entry))) throw new TypeError(`${name} must be an object or a list of objects`);
}

/** Returns the value if it is a non-empty string. @throws TypeError naming the member. */
export function text(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(`${name} must be a non-empty string`);
}
