/** The value that a text stands for, or why it stands for none. */
export type FieldValue = { readonly value: unknown } | { readonly problem: string };

/** A property of an object's JSON Schema, as a form shows it. */
export interface SchemaField {
  readonly name: string;
  readonly title: string;
  /** What is entered. */
  readonly kind: "text" | "number" | "whole number" | "yes or no" | "choice" | "JSON";
  readonly isRequired: boolean;
  readonly description: string;
  /** Texts to choose from; empty: anything may be entered. */
  readonly choices: readonly string[];
  readonly read: (text: string) => FieldValue;
}

const MAX_FIELDS = 40;

/** The fields of a schema. What a form can't express is entered as JSON. */
export function readFields(schema: Readonly<Record<string, unknown>>): readonly SchemaField[] {
  const properties = isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const required: readonly unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  return properties
    .slice(0, MAX_FIELDS)
    .map(([name, property]) => fieldOf(name, isObject(property) ? property : {}, required.includes(name)));
}

/** The object of all fields. Empty optional fields are left out. */
export function valueOf(
  fields: readonly SchemaField[],
  texts: ReadonlyMap<string, string>,
): { readonly value: Readonly<Record<string, unknown>> } | { readonly problem: string } {
  const entries: [string, unknown][] = [];
  for (const { name, title, isRequired, read } of fields) {
    const text = texts.get(name) ?? "";
    if (text === "") {
      if (isRequired) return { problem: `${title} is required` };
      continue;
    }
    const result = read(text);
    if ("problem" in result) return { problem: `${title}: ${result.problem}` };
    entries.push([name, result.value]);
  }
  return { value: Object.fromEntries(entries) };
}

function fieldOf(name: string, property: Readonly<Record<string, unknown>>, isRequired: boolean): SchemaField {
  const title = textOf(property["title"]) || name;
  const about = { name, title, isRequired, description: textOf(property["description"]) };
  const choices = choicesOf(property["enum"]);
  if (choices !== undefined)
    return { ...about, kind: "choice", choices: [...choices.keys()], read: (text) => ({ value: choices.get(text) }) };
  switch (property["type"]) {
    case "string":
      return { ...about, kind: "text", choices: [], read: (text) => readText(text, property) };
    case "number":
      return { ...about, kind: "number", choices: [], read: (text) => readNumber(text, property) };
    case "integer":
      return { ...about, kind: "whole number", choices: [], read: (text) => readNumber(text, property) };
    case "boolean":
      return { ...about, kind: "yes or no", choices: ["yes", "no"], read: (text) => ({ value: text === "yes" }) };
    default:
      return { ...about, kind: "JSON", choices: [], read: (text) => readJson(text, property["type"]) };
  }
}

/** The values of an enumeration by their texts; `undefined` without one. */
function choicesOf(values: unknown): ReadonlyMap<string, unknown> | undefined {
  if (!Array.isArray(values) || values.length === 0) return undefined;
  return new Map(values.map((value: unknown) => [typeof value === "string" ? value : JSON.stringify(value), value]));
}

function readText(text: string, { minLength, maxLength }: Readonly<Record<string, unknown>>): FieldValue {
  const { length } = Array.from(text);
  if (typeof minLength === "number" && length < minLength) return { problem: `at least ${minLength} characters` };
  if (typeof maxLength === "number" && length > maxLength) return { problem: `at most ${maxLength} characters` };
  return { value: text };
}

function readNumber(text: string, { type, minimum, maximum }: Readonly<Record<string, unknown>>): FieldValue {
  const value = Number(text);
  if (!Number.isFinite(value)) return { problem: "must be a number" };
  if (type === "integer" && !Number.isInteger(value)) return { problem: "must be a whole number" };
  if (typeof minimum === "number" && value < minimum) return { problem: `at least ${minimum}` };
  if (typeof maximum === "number" && value > maximum) return { problem: `at most ${maximum}` };
  return { value };
}

function readJson(text: string, type: unknown): FieldValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "must be JSON" };
  }
  if (type === "array" && !Array.isArray(value)) return { problem: "must be a JSON array" };
  if (type === "object" && !isObject(value)) return { problem: "must be a JSON object" };
  return { value };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
