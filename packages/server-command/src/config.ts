import { readFile } from "node:fs/promises";
import { rejectUnknownOptions, systemCode, systemReason } from "@parley/core/internal";

/**
 * Reads the file of `--config`: a JSON object with some of the members.
 *
 * @throws TypeError naming the file, what is wrong and, for unknown members, the valid ones.
 */
export async function readConfigFile(path: string, members: readonly string[]): Promise<object> {
  try {
    const config: unknown = JSON.parse(await readFile(path, "utf8"));
    rejectUnknownOptions(config, members);
    return config as object;
  } catch (error) {
    const reason = systemCode(error) === undefined && error instanceof Error ? error.message : systemReason(error);
    throw new TypeError(`--config ${path}: ${reason}`, { cause: error });
  }
}

/** A port as text, such as `--port 4000`. @throws TypeError */
export function readPortOption(option: string, text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`${option} must be a whole number from 0 to 65535 (0 takes a free port), not ${JSON.stringify(text)}`);
  }
  return port;
}
