import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { systemReason } from "@parley/core/internal";
import { usageError } from "../cli-error.ts";

/** Reads an argument: the text itself, `@<file>`, or `-` for standard input. @throws CliError `usage`, without the text */
export async function readTextInput(given: string): Promise<string> {
  if (given !== "-" && !given.startsWith("@")) return given;
  const place = placeOf(given);
  try {
    return given === "-" ? await text(process.stdin) : await readFile(place, "utf8");
  } catch (error) {
    throw usageError(
      `${place} cannot be read: ${systemReason(error)}`,
      "name a file that exists, such as @message.json, or - for standard input",
    );
  }
}

/** Where an argument of {@link readTextInput} has its text from, for error messages. */
export function placeOf(given: string, argument = "the argument"): string {
  return given === "-" ? "standard input" : given.startsWith("@") ? given.slice(1) : argument;
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
