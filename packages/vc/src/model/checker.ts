import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/eager";
import { truncate, entriesOf } from "../json.ts";
import { VcError, type VcErrorCode } from "../vc-error.ts";
import { parseDateTimeStamp } from "./date.ts";

/** An absolute URL or other URI (a DID, a URN) without characters that RFC 3986 excludes. */
const URL = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+$/;
/** Most characters of an id that need not be a URL. */
const MAX_ID_LENGTH = 2048;

/**
 * The rule for ids that nothing is fetched from: `urls`, as the data model requires and signing enforces; or `texts`, any string, as many
 * issuers and wallets write them.
 */
export type IdRule = "urls" | "texts";

/** Checks members of a document. Each method throws a VcError with the code given to the constructor, naming the path of the member. */
export class Checker {
  readonly #code: VcErrorCode;
  readonly #ids: IdRule;

  constructor(code: VcErrorCode, ids: IdRule = "texts") {
    this.#code = code;
    this.#ids = ids;
  }

  /** @throws VcError always. `problem` continues the sentence that begins with the path. */
  fail(path: string, problem: string): never {
    throw new VcError(this.#code, `${truncate(path)} ${problem}`);
  }

  object(value: JsonValue | undefined, path: string): JsonObject {
    return isJsonObject(value) ? value : this.fail(path, "must be an object");
  }

  text(value: JsonValue | undefined, path: string): string {
    return typeof value === "string" && value !== "" ? value : this.fail(path, "must be a non-empty string");
  }

  url(value: JsonValue | undefined, path: string): string {
    return typeof value === "string" && URL.test(value) ? value : this.fail(path, "must be a URL");
  }

  /** An optional id that nothing is fetched from. */
  optionalId(value: JsonValue | undefined, path: string): void {
    if (value === undefined) return;
    if (this.#ids === "urls") this.url(value, path);
    else if (this.text(value, path).length > MAX_ID_LENGTH) this.fail(path, `must have at most ${MAX_ID_LENGTH} characters`);
  }

  /** Milliseconds since 1970. */
  date(value: JsonValue | undefined, path: string): number {
    const time = typeof value === "string" ? parseDateTimeStamp(value) : undefined;
    return time ?? this.fail(path, "must be a date and time with a time zone, such as 2026-01-31T12:00:00Z");
  }

  /** One or more objects. Empty only if the property is absent. */
  objects(value: JsonValue | undefined, path: string): readonly JsonObject[] {
    if (isJsonArray(value) && value.length === 0) return this.fail(path, "must not be empty");
    return entriesOf(value).map((entry, i) => this.object(entry, isJsonArray(value) ? `${path}[${i}]` : path));
  }

  /** One or more strings. */
  types(value: JsonValue | undefined, path: string): readonly string[] {
    const entries = entriesOf(value);
    if (entries.length === 0) return this.fail(path, "must be a string or a list of strings");
    return entries.map((entry) => this.text(entry, path));
  }

  /** Objects, each with a type and an optional id. A required id must be a URL, since something may be fetched from it. */
  typed(value: JsonValue | undefined, path: string, { idRequired = false }: { readonly idRequired?: boolean } = {}): readonly JsonObject[] {
    const objects = this.objects(value, path);
    for (const [i, object] of objects.entries()) {
      const where = isJsonArray(value) ? `${path}[${i}]` : path;
      this.types(object["type"], `${where}.type`);
      if (idRequired) this.url(object["id"], `${where}.id`);
      else this.optionalId(object["id"], `${where}.id`);
    }
    return objects;
  }

  /** The id of a property whose value is either a URL, or an object with a URL as its `id`. */
  idOf(value: JsonValue | undefined, path: string): string {
    return isJsonObject(value) ? this.url(value["id"], `${path}.id`) : this.url(value, path);
  }
}
