import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { systemCode, systemReason } from "@parley/core/internal";
import { replaceFile } from "@parley/storage/directory-lock";

/**
 * Writes variables into a file for `node --env-file` (mode 0600), in one step. Replaces the lines of the same names in an existing file and keeps
 * all others.
 *
 * @throws TypeError naming the file and the reason.
 */
export async function writeEnvFile(path: string, variables: Readonly<Record<string, string>>): Promise<void> {
  try {
    const lines = (await readIfPresent(path)).split("\n").filter((line) => !Object.hasOwn(variables, nameIn(line)));
    while (lines.at(-1) === "") lines.pop();
    for (const [name, value] of Object.entries(variables)) lines.push(`${name}=${quoted(value)}`);
    await replaceFile(path, `${lines.join("\n")}\n`);
  } catch (error) {
    const remedy = systemCode(error) === "ENOENT" ? `: create the directory ${dirname(resolve(path))} first` : "";
    throw new TypeError(`--write-env ${path}: ${systemReason(error)}${remedy}`, { cause: error });
  }
}

async function readIfPresent(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  }
}

function nameIn(line: string): string {
  return /^\s*(?:export\s+)?([\w.]+)\s*=/.exec(line)?.[1] ?? "";
}

function quoted(value: string): string {
  return /^[\w.:/@%+~,=[\]-]*$/.test(value) ? value : `'${value}'`;
}
