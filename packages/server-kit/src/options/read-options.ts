import { describeKind, describeValue, rejectUnknownOptions } from "@parley/core/internal";
import { z } from "zod";
import { optionMeta, type OptionSchema, type OptionUse } from "./option.ts";

/** An option of a schema, with its use by the command. */
export interface DescribedOption extends OptionUse {
  readonly name: string;
  readonly schema: OptionSchema<unknown>;
  /** The value that counts if the option is absent, if it has one. */
  readonly standard: unknown;
}

/**
 * Checks options as given, which may come from a file, and fills in the defaults.
 *
 * @param where precedes names in messages, such as `limits.`.
 * @throws TypeError naming the option, what it must be and what it is, or for an unknown name the nearest valid one. Texts are quoted only
 *   for options that hold no secret.
 */
export function readOptions<T>(schema: OptionSchema<T>, given: unknown, where = ""): T {
  rejectUnknownNames(schema, given, where);
  const { error, data } = schema.safeParse(given ?? {});
  const issue = error?.issues[0];
  if (issue === undefined) return data as T;
  const [name, member, value] = find(schema, given, issue.path);
  if (issue.code === "custom" && issue.params?.["isRule"] === true) throw new TypeError(`Option "${where}${name}" ${issue.message}`);
  const { expected = "something else", isPublic = false, isSecret = false } = metaOf(member);
  if (value === undefined) throw new TypeError(`Option "${where}${name}" is missing: it must be ${expected}`);
  throw new TypeError(
    `Option "${where}${name}" must be ${expected}, not ${isSecret ? describeKind(value) : describeValue(value, isPublic)}`,
  );
}

/** The options of a schema, or of the entries of a list, in their order. */
export function describeOptions(schema: OptionSchema<unknown>): readonly DescribedOption[] {
  return Object.entries(shapeOf(schema)).map(([name, member]) => ({
    ...metaOf(member),
    name,
    schema: member,
    standard: member.safeParse(undefined).data,
  }));
}

function rejectUnknownNames(schema: z.core.$ZodType, given: unknown, where: string): void {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    rejectUnknownOptions(given, Object.keys(inner.shape), where);
    for (const [name, member] of Object.entries(shapeOf(inner))) rejectUnknownNames(member, memberOf(given, name), `${where}${name}.`);
  } else if (inner instanceof z.ZodArray && Array.isArray(given)) {
    const list = where.replace(/\.$/, "");
    given.forEach((entry: unknown, index) => rejectUnknownNames(inner.element, entry, `${list}[${index}].`));
  }
}

/** The name, the schema and the value at a path. */
function find(schema: z.core.$ZodType, given: unknown, path: readonly PropertyKey[]): [name: string, z.core.$ZodType, value: unknown] {
  let [name, member, value] = ["", schema, given];
  for (const step of path) {
    const inner = unwrap(member);
    member = inner instanceof z.ZodArray ? inner.element : (shapeOf(inner)[String(step)] ?? inner);
    name += typeof step === "number" ? `[${step}]` : `${name === "" ? "" : "."}${String(step)}`;
    value = memberOf(value, step);
  }
  return [name, member, value];
}

function metaOf(schema: z.core.$ZodType): ReturnType<typeof optionMeta.get> & object {
  return optionMeta.get(unwrap(schema)) ?? {};
}

function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.ZodType>> {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return shapeOf(inner.element);
  return inner instanceof z.ZodObject ? inner.shape : {};
}

/** The schema without `.optional()` and defaults. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const hasInner = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return hasInner ? unwrap(schema.def.innerType) : schema;
}

function memberOf(value: unknown, name: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[name] : undefined;
}
