import { isJsonObject, type JsonObject } from "@parley/core";
import { entriesOf } from "../json.ts";
import { PRESENTATION } from "../kind.ts";
import { Checker } from "./checker.ts";
import { checkContext, checkType, type ModelVersion } from "./context.ts";

/** What a presentation says that has consequences for its verification. */
export interface PresentationFacts {
  readonly version: ModelVersion;
  readonly holder: string | undefined;
  /** Secured each: objects, or texts in VCDM 1.1. */
  readonly credentials: readonly (JsonObject | string)[];
}

const check = new Checker(PRESENTATION.invalid);

/**
 * Checks a presentation, without its proof, against the data model. Its credentials are not looked into.
 *
 * @see {@link https://www.w3.org/TR/vc-data-model-2.0/#verifiable-presentations | VCDM 2.0, section 4.13}
 */
export function checkPresentation(presentation: JsonObject): PresentationFacts {
  const version = checkContext(presentation, check);
  checkType(presentation, PRESENTATION.type, check);
  check.optionalId(presentation["id"], "id");
  check.typed(presentation["termsOfUse"], "termsOfUse");
  if (presentation["proof"] !== undefined) check.fail("proof", "has no place in a presentation that is secured otherwise");
  const credentials = entriesOf(presentation["verifiableCredential"]).map((entry, i) => {
    if (isJsonObject(entry) || (version === "1.1" && typeof entry === "string")) return entry;
    return check.fail(`verifiableCredential[${i}]`, "must be an object");
  });
  return { version, holder: holderOf(presentation), credentials };
}

/** The id of a presentation's holder, before anything else of it has been checked. */
export function holderOf({ holder }: JsonObject): string | undefined {
  return holder === undefined ? undefined : check.idOf(holder, "holder");
}
