import { readFile } from "node:fs/promises";
import { describeThrown, rejectUnknownOptions, systemReason } from "@parley/core/internal";

/**
 * Reads the file of `--config`: a JSON object with some of the members.
 *
 * @throws TypeError naming the file, what is wrong and, for unknown members, the valid ones. It never quotes the file, which may hold keys.
 */
export async function readConfigFile(path: string, members: readonly string[]): Promise<object> {
  try {
    const config = readJson(await readFile(path, "utf8"));
    rejectUnknownOptions(config, members);
    return config as object;
  } catch (error) {
    throw new TypeError(`--config ${path}: ${systemReason(error)}`, { cause: error });
  }
}

function readJson(text: string): unknown {
  if (text.trim() === "") throw new TypeError("the file is empty: it needs a JSON object, such as {}");
  let fault: string;
  try {
    // Editors of some systems begin a file with a byte order mark.
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    [fault = ""] = describeThrown(error).split(/, (?:\.\.\.)?"/, 1);
  }
  // Without a cause: what JSON.parse throws quotes the text.
  throw new TypeError(`it is not valid JSON (${fault})`);
}

/** A port as text, such as `--port 4000`. @throws TypeError */
export function readPortOption(option: string, text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`${option} must be a whole number from 0 to 65535 (0 takes a free port), not ${JSON.stringify(text)}`);
  }
  return port;
}
