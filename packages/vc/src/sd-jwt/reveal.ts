import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { truncate } from "../json.ts";
import { VcError } from "../vc-error.ts";
import type { Disclosure } from "./disclosure.ts";

/** Most levels of nesting, with the disclosures in their places. */
const MAX_DEPTH = 64;

/** A disclosure in its place. */
export interface PlacedDisclosure {
  readonly disclosure: Disclosure;
  /** Elements of lists by their index among all elements, disclosed or not. */
  readonly path: readonly (string | number)[];
  /** The disclosures that contain its digest, outermost first. */
  readonly ancestors: readonly Disclosure[];
}

/** A payload with its disclosures in their places. */
export interface Revealed {
  /** Without `_sd` and `_sd_alg`. */
  readonly claims: JsonObject;
  readonly placed: readonly PlacedDisclosure[];
}

interface Place {
  readonly path: readonly (string | number)[];
  readonly ancestors: readonly Disclosure[];
}

/**
 * Puts disclosures in the places of their digests. Each must have exactly one place; digests without a disclosure are ignored.
 *
 * @throws VcError `disclosure_invalid`, `too_large`
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-7.1 | RFC 9901, section 7.1}
 */
export function reveal(payload: JsonObject, disclosures: readonly Disclosure[]): Revealed {
  const revealer = new Revealer(disclosures);
  const { _sd_alg: _, ...signed } = payload;
  const claims = revealer.object(signed, { path: [], ancestors: [] });
  if (revealer.placed.length < disclosures.length) throw invalid("A disclosure has no digest in the credential");
  return { claims, placed: revealer.placed };
}

class Revealer {
  readonly placed: PlacedDisclosure[] = [];
  readonly #disclosures: ReadonlyMap<string, Disclosure>;
  readonly #seen = new Set<string>();

  constructor(disclosures: readonly Disclosure[]) {
    this.#disclosures = new Map(disclosures.map((disclosure) => [disclosure.digest, disclosure]));
    if (this.#disclosures.size < disclosures.length) throw invalid("Two disclosures are the same");
  }

  object({ _sd: digests, ...members }: JsonObject, place: Place): JsonObject {
    if (Object.hasOwn(members, "...")) throw invalid("The member ... is only allowed as the only one of an element of a list");
    const entries: [string, JsonValue][] = [];
    for (const [name, value] of Object.entries(members)) {
      if (value !== undefined) entries.push([name, this.#value(value, inside(place, name))]);
    }
    const names = new Set(Object.keys(members));
    for (const disclosure of this.#find(digests)) {
      const { name } = disclosure;
      if (name === undefined) throw invalid("A disclosure of an element of a list is used as a member");
      if (names.has(name)) throw invalid(`The claim ${truncate(name)} is disclosed twice`);
      names.add(name);
      entries.push([name, this.#reveal(disclosure, inside(place, name))]);
    }
    return Object.fromEntries(entries);
  }

  #value(value: JsonValue, place: Place): JsonValue {
    if (place.path.length > MAX_DEPTH) throw new VcError("too_large", `The claims have more than ${MAX_DEPTH} levels of nesting`);
    if (isJsonArray(value)) return value.flatMap((element, i) => this.#element(element, inside(place, i)));
    return isJsonObject(value) ? this.object(value, place) : value;
  }

  /** The element, or none if it is a digest without a disclosure. */
  #element(element: JsonValue, place: Place): readonly JsonValue[] {
    if (!isJsonObject(element) || !Object.hasOwn(element, "...")) return [this.#value(element, place)];
    if (Object.keys(element).length > 1) throw invalid("An element with the member ... must not have other members");
    return this.#find([element["..."] ?? null]).map((disclosure) => {
      if (disclosure.name !== undefined) throw invalid("A disclosure of a member is used as an element of a list");
      return this.#reveal(disclosure, place);
    });
  }

  #reveal(disclosure: Disclosure, place: Place): JsonValue {
    this.placed.push({ disclosure, ...place });
    return this.#value(disclosure.value, { ...place, ancestors: [...place.ancestors, disclosure] });
  }

  /** The disclosures of digests. A digest must occur only once in the whole credential. */
  #find(digests: JsonValue | undefined): readonly Disclosure[] {
    if (digests === undefined) return [];
    if (!isJsonArray(digests)) throw invalid("_sd must be a list of digests");
    return digests.flatMap((digest) => {
      if (typeof digest !== "string") throw invalid("A digest must be a string");
      if (this.#seen.has(digest)) throw invalid("A digest occurs twice");
      this.#seen.add(digest);
      return this.#disclosures.get(digest) ?? [];
    });
  }
}

function inside({ path, ancestors }: Place, segment: string | number): Place {
  return { path: [...path, segment], ancestors };
}

function invalid(message: string): VcError {
  return new VcError("disclosure_invalid", message);
}
