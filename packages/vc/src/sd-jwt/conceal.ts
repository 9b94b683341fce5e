import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { elementTree, missingPaths, type ClaimTree } from "./claim-path.ts";
import { createDisclosure, RESERVED_NAMES, type Disclosure } from "./disclosure.ts";

/** Claims whose disclosable parts were replaced by digests. */
export interface Concealed {
  readonly payload: JsonObject;
  readonly disclosures: readonly Disclosure[];
}

/**
 * Replaces claims by the digests of disclosures. Digests are sorted, so that their order does not reveal that of the claims.
 *
 * @throws TypeError if a path selects nothing, or a claim has a reserved name.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-4.2 | RFC 9901, section 4.2}
 */
export async function conceal(claims: JsonObject, disclosable: ClaimTree): Promise<Concealed> {
  checkNames(claims);
  const [missing] = missingPaths(disclosable, claims);
  if (missing !== undefined) throw new TypeError(`disclosable: there is no claim at ${JSON.stringify(missing)}`);
  const disclosures: Disclosure[] = [];
  const payload = await concealObject(claims, disclosable, disclosures);
  return { payload, disclosures };
}

async function concealObject(object: JsonObject, tree: ClaimTree, disclosures: Disclosure[]): Promise<JsonObject> {
  const visible: (readonly [string, JsonValue])[] = [];
  const digests: string[] = [];
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    const child = tree.children.get(name);
    const concealed = child === undefined ? value : await concealValue(value, child, disclosures);
    if (child?.path === undefined) {
      visible.push([name, concealed]);
    } else {
      const disclosure = await createDisclosure(name, concealed);
      disclosures.push(disclosure);
      digests.push(disclosure.digest);
    }
  }
  return Object.fromEntries(digests.length === 0 ? visible : [...visible, ["_sd", digests.toSorted()]]);
}

async function concealValue(value: JsonValue, tree: ClaimTree, disclosures: Disclosure[]): Promise<JsonValue> {
  if (isJsonObject(value)) return concealObject(value, tree, disclosures);
  if (!isJsonArray(value)) return value;
  const elements: JsonValue[] = [];
  for (const [i, element] of value.entries()) {
    const child = elementTree(tree, i);
    const concealed = child === undefined ? element : await concealValue(element, child, disclosures);
    if (child?.path === undefined) {
      elements.push(concealed);
    } else {
      const disclosure = await createDisclosure(undefined, concealed);
      disclosures.push(disclosure);
      elements.push({ "...": disclosure.digest });
    }
  }
  return elements;
}

/** Recursive: the depth was limited before. */
function checkNames(value: JsonValue | undefined): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value as JsonObject)) {
    if (!isJsonArray(value) && (RESERVED_NAMES.has(name) || name === "_sd_alg"))
      throw new TypeError(`A claim must not have the name ${name}`);
    checkNames(member);
  }
}
