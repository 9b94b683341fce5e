import { ParleyError, type JsonObject } from "@parley/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** One thing that is wrong with a body. */
export interface BodyIssue {
  /** Where, from the body: `body.items[0].name`. */
  readonly path: string;
  /** What, in the schema library's words. */
  readonly message: string;
}

/** Issues that are kept of one body; a peer decides how many there are. */
const MAX_ISSUES = 10;
const MAX_TEXT = 200;

/** A message's body does not fit its schema. */
export class BodyError extends ParleyError<"body_invalid"> {
  override readonly name: string = "BodyError";
  /** What is wrong, at most ten entries. */
  readonly issues: readonly BodyIssue[];
  /** The message whose body it is. */
  readonly messageId: string;

  constructor(found: readonly StandardSchemaV1.Issue[], messageId: string) {
    const issues = found.slice(0, MAX_ISSUES).map(readIssue);
    super("body_invalid", issues.map(({ path, message }) => `${path}: ${message}`).join("; "));
    this.issues = issues;
    this.messageId = messageId;
  }
}

/** @throws TypeError unless it is a Standard Schema. */
export function requireSchema(schema: StandardSchemaV1): void {
  if (typeof schema?.["~standard"]?.validate === "function") return;
  const hint = typeof schema === "function" ? "; for a class, use message.unmarshalBody(Class)" : "";
  throw new TypeError(`A schema must implement Standard Schema, as those of zod, valibot and arktype do${hint}`);
}

/**
 * Checks a body with a schema of any Standard Schema library, and gives the schema's output.
 *
 * @throws BodyError when the body does not fit.
 */
export async function checkBody<Schema extends StandardSchemaV1>(
  schema: Schema,
  body: JsonObject,
  messageId: string,
): Promise<StandardSchemaV1.InferOutput<Schema>> {
  const checked = schema["~standard"].validate(body);
  const result = checked instanceof Promise ? await checked : checked;
  if (result.issues !== undefined) throw new BodyError(result.issues, messageId);
  return result.value;
}

function readIssue(issue: StandardSchemaV1.Issue): BodyIssue {
  let path = "body";
  for (const step of issue.path ?? []) {
    const key = typeof step === "object" ? step.key : step;
    path += typeof key === "number" ? `[${key}]` : `.${String(key)}`;
  }
  return { path: path.slice(0, MAX_TEXT), message: issue.message.slice(0, MAX_TEXT) };
}
