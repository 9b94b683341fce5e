import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { entriesOf } from "../json.ts";
import type { Checker } from "./checker.ts";

const LANGUAGE_MEMBERS: ReadonlySet<string> = new Set(["@value", "@language", "@direction"]);
/** Members of a JSON-LD value object, which may have a type instead of a language. */
const VALUE_MEMBERS: ReadonlySet<string> = new Set([...LANGUAGE_MEMBERS, "@type", "@index"]);

/**
 * Checks language values: `name` and `description` of the credential and of its issuer must be strings or language value objects, and no
 * value object anywhere in the credential may have other members.
 *
 * @see {@link https://www.w3.org/TR/vc-data-model-2.0/#language-and-base-direction | VCDM 2.0, section 11.1}
 */
export function checkLanguages(credential: JsonObject, check: Checker): void {
  const { issuer } = credential;
  for (const member of ["name", "description"]) {
    checkTexts(credential[member], member, check);
    if (isJsonObject(issuer)) checkTexts(issuer[member], `issuer.${member}`, check);
  }
  checkValueObjects(credential, "", check);
}

function checkTexts(value: JsonValue | undefined, path: string, check: Checker): void {
  for (const entry of entriesOf(value)) {
    if (typeof entry === "string") continue;
    const object = check.object(entry, path);
    const { "@value": text, "@language": language = "", "@direction": direction = "ltr" } = object;
    if (typeof text !== "string" || typeof language !== "string") check.fail(path, "must be strings, with or without a language");
    if (direction !== "ltr" && direction !== "rtl") check.fail(path, "has a @direction that is neither ltr nor rtl");
    checkMembers(object, LANGUAGE_MEMBERS, path, check);
  }
}

/** Recursive: the depth of the document was limited before. */
function checkValueObjects(value: JsonValue | undefined, path: string, check: Checker): void {
  if (typeof value !== "object" || value === null) return;
  if (isJsonObject(value) && Object.hasOwn(value, "@value")) checkMembers(value, VALUE_MEMBERS, path, check);
  for (const [member, inner] of Object.entries(value as JsonObject)) {
    if (path !== "" || member !== "@context") checkValueObjects(inner, path === "" ? member : `${path}.${member}`, check);
  }
}

function checkMembers(object: JsonObject, allowed: ReadonlySet<string>, path: string, check: Checker): void {
  const further = Object.keys(object).find((member) => !allowed.has(member));
  if (further !== undefined) check.fail(path, `is a language value object and must not have the member ${further}`);
}
