import { isJsonObject, type JsonObject } from "@parley/core";
import { entriesOf } from "../json.ts";
import { PRESENTATION } from "../kind.ts";
import { Checker } from "./checker.ts";
import { checkContext, checkType, type ModelVersion } from "./context.ts";

/** The parts of a presentation that its verification depends on. */
export interface PresentationFacts {
  readonly version: ModelVersion;
  readonly holder: string | undefined;
  /** Signed credentials: objects, or strings in VCDM 1.1. */
  readonly credentials: readonly (JsonObject | string)[];
}

const check = new Checker(PRESENTATION.invalid);

/**
 * Checks a presentation, without its proof, against the data model. Its credentials are not checked.
 *
 * @throws VcError `presentation_invalid`, naming the path of the invalid member.
 * @see {@link https://www.w3.org/TR/vc-data-model-2.0/#verifiable-presentations | VCDM 2.0, section 4.13}
 */
export function checkPresentation(presentation: JsonObject): PresentationFacts {
  const version = checkContext(presentation, check);
  checkType(presentation, PRESENTATION.type, check);
  check.optionalId(presentation["id"], "id");
  check.typed(presentation["termsOfUse"], "termsOfUse");
  if (presentation["proof"] !== undefined) check.fail("proof", "is not allowed in a presentation that is secured in another way");
  const credentials = entriesOf(presentation["verifiableCredential"]).map((entry, i) => {
    if (isJsonObject(entry) || (version === "1.1" && typeof entry === "string")) return entry;
    return check.fail(`verifiableCredential[${i}]`, "must be an object");
  });
  return { version, holder: holderOf(presentation), credentials };
}

/** The id of the holder, if there is one. Callable before `checkPresentation`. */
export function holderOf({ holder }: JsonObject): string | undefined {
  return holder === undefined ? undefined : check.idOf(holder, "holder");
}
