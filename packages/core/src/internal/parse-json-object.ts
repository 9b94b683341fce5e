import { isJsonObject, type JsonObject } from "../json.ts";
import { checkJsonText } from "./check-json-text.ts";

/** Why a text is not accepted as a JSON object. */
export type JsonObjectFault = "deep" | "duplicate" | "not_json" | "not_object";

/** How {@link parseJsonObject} reads a text. */
export interface ParseJsonObjectOptions {
  /** Name of the text at the beginning of error messages, such as `The protected header`. */
  readonly name: string;
  /** Most levels of nesting. */
  readonly maxDepth: number;
  /** Creates the error to throw. The message does not quote the text, which may be secret. */
  readonly createError: (fault: JsonObjectFault, message: string) => Error;
}

/**
 * Parses a JSON object strictly: nested no deeper than allowed, and without duplicate members. With duplicate members, two parsers of one
 * signed text could see different documents (RFC 7515, section 4; RFC 7493, section 2.3).
 *
 * The depth is checked before `JSON.parse` allocates anything.
 *
 * @throws the error that `createError` returns.
 */
export function parseJsonObject(text: string, { name, maxDepth, createError }: ParseJsonObjectOptions): JsonObject {
  const checked = checkJsonText(text, maxDepth);
  if (!checked.ok) {
    const why = checked.fault === "deep" ? `is nested deeper than ${maxDepth} levels` : "has a duplicate member";
    throw createError(checked.fault, `${name} ${why}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own error quotes the text.
    throw createError("not_json", `${name} is not JSON`);
  }
  if (!isJsonObject(value)) throw createError("not_object", `${name} is not a JSON object`);
  return value;
}
