import { readFile } from "node:fs/promises";
import { describeThrown, systemReason } from "@parley/core/internal";

/**
 * Reads the file of `--config`: a JSON object.
 *
 * @param check throws for a value that is not such an object.
 * @throws TypeError naming the file and what is wrong. It never quotes the file, which may hold keys.
 */
export async function readConfigFile(path: string, check: (config: unknown) => void): Promise<object> {
  try {
    const config = readJson(await readFile(path, "utf8"));
    check(config);
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
