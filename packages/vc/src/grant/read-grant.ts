import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/eager";
import { entriesOf } from "../json.ts";
import { issuerOf } from "../model/credential.ts";
import { Checker } from "../model/checker.ts";
import type { Grant, GrantScope } from "./grant.ts";

const GRANT_TYPE = "VerifiableGrant";
/** Most entries of a scope, most names of one entry, and most tools. */
const MAX_ENTRIES = 256;

/** Members of an entry of a scope. Any other may restrict it, apart from those that describe it. */
const SCOPE_MEMBERS: ReadonlySet<string> = new Set(["protocol", "messageTypes", "resource", "id", "type", "name", "description"]);
const DELEGATION_MEMBERS: ReadonlySet<string> = new Set(["parentCapability", "parentCredential", "id", "type"]);

const check = new Checker("grant_invalid");

/** Whether a credential has the type of a grant. Says nothing about its validity. */
export function isGrant({ type }: JsonObject): boolean {
  return entriesOf(type).includes(GRANT_TYPE);
}

/**
 * Reads the claims of a grant from a credential, which {@link verifyCredential} or {@link decodeCredential} returned. A member that cannot be
 * read makes the whole grant invalid: it could be a restriction.
 *
 * @throws VcError `grant_invalid`, naming the path of the invalid member.
 */
export function readGrant(credential: JsonObject): Grant {
  if (!isGrant(credential)) check.fail("type", `must include ${GRANT_TYPE}`);
  const subjects = check.objects(credential["credentialSubject"], "credentialSubject");
  const [subject] = subjects;
  if (subject === undefined || subjects.length > 1) return check.fail("credentialSubject", "must be one object");
  const { id } = credential;
  return {
    ...(typeof id === "string" && { id }),
    issuer: issuerOf(credential),
    holder: check.url(subject["id"], "credentialSubject.id"),
    scope: readScope(subject["scope"]),
    tools: readTools(subject["grant"]),
    constraints: [...constraintsOf(subject["constraints"]), ...unknownRestrictions(subject)],
    ...readDelegation(subject["delegation"]),
  };
}

function readDelegation(value: JsonValue | undefined): Pick<Grant, "delegation"> {
  if (value === undefined || value === null) return {};
  const path = "credentialSubject.delegation";
  const { parentCapability, parentCredential } = check.object(value, path);
  return {
    delegation: {
      parentCapability: check.text(parentCapability, `${path}.parentCapability`),
      parentCredential: check.text(parentCredential, `${path}.parentCredential`),
    },
  };
}

function readScope(value: JsonValue | undefined): readonly GrantScope[] {
  const path = "credentialSubject.scope";
  if (!isJsonArray(value)) return check.fail(path, "must be a list");
  if (value.length === 0 || value.length > MAX_ENTRIES) check.fail(path, `must have 1 to ${MAX_ENTRIES} entries`);
  return value.map((entry, i) => readScopeEntry(check.object(entry, `${path}[${i}]`), `${path}[${i}]`));
}

function readScopeEntry({ protocol, messageTypes, resource }: JsonObject, path: string): GrantScope {
  return {
    protocol: check.text(protocol, `${path}.protocol`),
    messageTypes: readTexts(messageTypes, `${path}.messageTypes`),
    ...(resource !== undefined && resource !== null && { resource: readResource(resource, `${path}.resource`) }),
  };
}

/** An empty resource is every resource, like `*`. */
function readResource(value: JsonValue, path: string): string {
  return value === "" ? "*" : check.text(value, path);
}

function readTools(grant: JsonValue | undefined): readonly string[] {
  if (grant === undefined || grant === null) return [];
  const { tools } = check.object(grant, "credentialSubject.grant");
  return tools === undefined || tools === null ? [] : readTexts(tools, "credentialSubject.grant.tools");
}

function readTexts(value: JsonValue | undefined, path: string): readonly string[] {
  if (!isJsonArray(value)) return check.fail(path, "must be a list of strings");
  if (value.length > MAX_ENTRIES) check.fail(path, `must have at most ${MAX_ENTRIES} entries`);
  return value.map((entry, i) => check.text(entry, `${path}[${i}]`));
}

/** Members of scope and delegation that this program does not know, by their path: each may be a restriction. */
function unknownRestrictions({ scope, delegation }: JsonObject): readonly string[] {
  const entries = isJsonArray(scope) ? scope.map((entry, i) => unknownMembers(entry, SCOPE_MEMBERS, `scope[${i}]`)) : [];
  return [...entries.flat(), ...unknownMembers(delegation, DELEGATION_MEMBERS, "delegation")];
}

function unknownMembers(value: JsonValue | undefined, known: ReadonlySet<string>, path: string): readonly string[] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => (known.has(name) || isEmpty(member) ? [] : [`${path}.${name}`]));
}

/** Empty values restrict nothing. */
function constraintsOf(value: JsonValue | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  return Object.entries(check.object(value, "credentialSubject.constraints")).flatMap(([name, constraint]) =>
    isEmpty(constraint) ? [] : [name],
  );
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  if (isJsonArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}
