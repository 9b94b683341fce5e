import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { cut, entriesOf } from "../json.ts";
import { VcError, type VcErrorCode } from "../vc-error.ts";
import { parseDateTimeStamp } from "./date.ts";

/** An absolute URL or URI (a DID, a URN), with none of the characters that RFC 3986 leaves out. */
const URL = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+$/;
/** Characters of an id that is not a URL. */
const MAX_ID_LENGTH = 2048;

/**
 * The rule for ids that nothing is fetched from: URLs, which the data model demands and the signer enforces; or any text, as many issuers
 * and wallets write them.
 */
export type IdRule = "urls" | "texts";

/** Checks members of a document; a violation is an error that names the path. */
export class Checker {
  readonly #code: VcErrorCode;
  readonly #ids: IdRule;

  constructor(code: VcErrorCode, ids: IdRule = "texts") {
    this.#code = code;
    this.#ids = ids;
  }

  /** @throws VcError always */
  fail(path: string, what: string): never {
    throw new VcError(this.#code, `${cut(path)} ${what}`);
  }

  object(value: JsonValue | undefined, path: string): JsonObject {
    return isJsonObject(value) ? value : this.fail(path, "must be an object");
  }

  text(value: JsonValue | undefined, path: string): string {
    return typeof value === "string" && value !== "" ? value : this.fail(path, "must be a text");
  }

  url(value: JsonValue | undefined, path: string): string {
    return typeof value === "string" && URL.test(value) ? value : this.fail(path, "must be a URL");
  }

  /** An id that may be absent, and that nothing is fetched from. */
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

  /** One or more objects; none only if the property is absent. */
  objects(value: JsonValue | undefined, path: string): readonly JsonObject[] {
    if (isJsonArray(value) && value.length === 0) return this.fail(path, "must not be empty");
    return entriesOf(value).map((entry, i) => this.object(entry, isJsonArray(value) ? `${path}[${i}]` : path));
  }

  /** One or more texts. */
  types(value: JsonValue | undefined, path: string): readonly string[] {
    const entries = entriesOf(value);
    if (entries.length === 0) return this.fail(path, "must be a text or a list of texts");
    return entries.map((entry) => this.text(entry, path));
  }

  /** Objects that each have a type, and perhaps an id. One that is required is a URL: something may be fetched from it. */
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

  /** The id of something that is either a URL, or an object whose `id` is one. */
  idOf(value: JsonValue | undefined, path: string): string {
    return isJsonObject(value) ? this.url(value["id"], `${path}.id`) : this.url(value, path);
  }
}
