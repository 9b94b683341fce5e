import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { isJsonObject, type JsonObject } from "@parley/core";
import { systemReason } from "@parley/core/internal";
import { usageError } from "../cli-error.ts";

/** Reads an argument: the text itself, `@<file>`, or `-` for standard input. @throws CliError `usage`, without the text */
export async function readTextInput(given: string): Promise<string> {
  if (given !== "-" && !given.startsWith("@")) return given;
  const place = placeOf(given, "the argument");
  try {
    return given === "-" ? await text(process.stdin) : await readFile(place, "utf8");
  } catch (error) {
    throw usageError(
      `${place} cannot be read: ${systemReason(error)}`,
      "name a file that exists, such as @message.json, or - for standard input",
    );
  }
}

/**
 * Reads an argument that is a JSON object: the JSON itself, `@<file>`, or `-` for standard input.
 *
 * @param name what it is, for error messages, such as `the body`.
 * @throws CliError `usage`, without the text
 */
export async function readJsonInput(given: string, name: string): Promise<JsonObject> {
  const text = await readTextInput(given);
  const place = placeOf(given, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usageError(`${place} is not JSON`, `give a JSON object such as '{"text":"hello"}', @<file>, or - for standard input`);
  }
  if (!isJsonObject(value)) throw usageError(`${place} is not a JSON object`, `give an object such as '{"text":"hello"}'`);
  return value;
}

/**
 * Reads a secret from `@<file>`, from standard input (`-`), or from a variable if no argument is given. It can't be an argument: other users of
 * the machine see those.
 *
 * @throws CliError `usage`, without the text
 */
export async function readSecretInput(
  given: string | undefined,
  { name, variable, environment }: { readonly name: string; readonly variable: string; readonly environment: Readonly<NodeJS.ProcessEnv> },
): Promise<string> {
  const remedy = `set ${variable}, or give @<file>, or - for standard input`;
  if (given !== undefined && given !== "-" && !given.startsWith("@")) {
    throw usageError(`${name} must not be on the command line, where other users can read it`, remedy);
  }
  const secret = (given === undefined ? (environment[variable] ?? "") : await readTextInput(given)).trim();
  if (secret === "") throw usageError(`${name} is missing`, remedy);
  return secret;
}

/** Where an argument has its text from, for error messages. */
function placeOf(given: string, name: string): string {
  return given === "-" ? "standard input" : given.startsWith("@") ? given.slice(1) : name;
}
