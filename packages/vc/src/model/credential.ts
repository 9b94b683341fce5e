import type { JsonObject } from "@parley/core";
import { CREDENTIAL } from "../kind.ts";
import { Checker } from "./checker.ts";
import { checkContext, checkType, type ModelVersion } from "./context.ts";
import { checkLanguages } from "./language.ts";

/** The parts of a credential that its verification depends on. */
export interface CredentialFacts {
  readonly version: ModelVersion;
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly validFrom: number | undefined;
  readonly validUntil: number | undefined;
  readonly statuses: readonly JsonObject[];
}

const READING = new Checker(CREDENTIAL.invalid);
const SIGNING = new Checker(CREDENTIAL.invalid, "urls");

/**
 * Checks a credential, without its proof, against the data model. Ids that nothing is fetched from can be any string, except in a
 * credential to sign.
 *
 * @throws VcError `credential_invalid`, naming the path of the invalid member.
 * @see {@link https://www.w3.org/TR/vc-data-model-2.0/#basic-concepts | VCDM 2.0, section 4}
 */
export function checkCredential(credential: JsonObject, use: "to sign" | "signed" = "signed"): CredentialFacts {
  const check = use === "to sign" ? SIGNING : READING;
  const version = checkContext(credential, check);
  checkType(credential, CREDENTIAL.type, check);
  check.optionalId(credential["id"], "id");
  const issuer = check.idOf(credential["issuer"], "issuer");
  checkSubjects(credential, check);
  if (version === "2.0") checkLanguages(credential, check);
  const validity = version === "2.0" ? checkValidity(credential, check) : checkValidityOf11(credential, check);
  const statuses = check.typed(credential["credentialStatus"], "credentialStatus", { idRequired: version === "1.1" });
  check.typed(credential["credentialSchema"], "credentialSchema", { idRequired: true });
  check.typed(credential["refreshService"], "refreshService", { idRequired: version === "1.1" });
  check.typed(credential["termsOfUse"], "termsOfUse");
  check.typed(credential["evidence"], "evidence");
  checkRelatedResources(credential, check);
  if (credential["proof"] !== undefined) check.fail("proof", "is not allowed in a credential that is secured in another way");
  return { version, issuer, ...validity, statuses };
}

/** The id of the issuer. Callable before `checkCredential`. */
export function issuerOf(credential: JsonObject): string {
  return READING.idOf(credential["issuer"], "issuer");
}

function checkSubjects({ credentialSubject }: JsonObject, check: Checker): void {
  const subjects = check.objects(credentialSubject, "credentialSubject");
  if (subjects.length === 0) check.fail("credentialSubject", "must be an object");
  for (const subject of subjects) {
    if (Object.keys(subject).length === 0) check.fail("credentialSubject", "must not be empty");
    check.optionalId(subject["id"], "credentialSubject.id");
  }
}

type Validity = Pick<CredentialFacts, "validFrom" | "validUntil">;

function checkValidity(credential: JsonObject, check: Checker): Validity {
  for (const member of ["issuanceDate", "expirationDate"]) {
    if (credential[member] !== undefined) check.fail(member, "belongs to VCDM 1.1; use validFrom and validUntil in VCDM 2.0");
  }
  return checkPeriod(credential, { from: "validFrom", until: "validUntil" }, check);
}

function checkValidityOf11(credential: JsonObject, check: Checker): Validity {
  check.date(credential["issuanceDate"], "issuanceDate");
  return checkPeriod(credential, { from: "issuanceDate", until: "expirationDate" }, check);
}

function checkPeriod(credential: JsonObject, { from, until }: { from: string; until: string }, check: Checker): Validity {
  const validFrom = credential[from] === undefined ? undefined : check.date(credential[from], from);
  const validUntil = credential[until] === undefined ? undefined : check.date(credential[until], until);
  if (validFrom !== undefined && validUntil !== undefined && validUntil < validFrom) check.fail(until, `must not be before ${from}`);
  return { validFrom, validUntil };
}

function checkRelatedResources({ relatedResource }: JsonObject, check: Checker): void {
  const ids = new Set<string>();
  for (const resource of check.objects(relatedResource, "relatedResource")) {
    const id = check.url(resource["id"], "relatedResource.id");
    if (ids.has(id)) check.fail("relatedResource", "must not list an id twice");
    ids.add(id);
    const { digestSRI, digestMultibase } = resource;
    if (digestSRI === undefined && digestMultibase === undefined) check.fail("relatedResource", "must have digestSRI or digestMultibase");
  }
}
