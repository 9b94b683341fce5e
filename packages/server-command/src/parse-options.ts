import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearest } from "@parley/core/internal";

/**
 * `parseArgs` of Node, with an error for an unknown option that names the nearest one.
 *
 * @param command whose `--help` the error mentions.
 * @throws TypeError
 */
export function parseOptions<T extends ParseArgsConfig>(command: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const unknown = /^Unknown option '(--?[^']+)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw new TypeError(`${error.message}; see ${command} --help`, { cause: error });
    const known = Object.keys(config.options ?? {});
    const meant = nearest(unknown.replace(/^-+/, ""), known);
    const hint = meant === undefined ? "" : ` Did you mean --${meant}?`;
    throw new TypeError(`Unknown option ${unknown}.${hint} See ${command} --help`, { cause: error });
  }
}
