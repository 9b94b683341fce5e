import { usageError } from "../cli-error.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Rejects options on the command line that have no effect in this use.
 *
 * @param why a clause that continues `--option has no effect: `.
 * @throws CliError `usage`
 */
export function rejectUnused({ isGiven }: Pick<Runtime, "isGiven">, options: readonly string[], why: string): void {
  const unused = options.find((option) => isGiven(option));
  if (unused !== undefined) throw usageError(`${unused} has no effect: ${why}`, `leave ${unused} out`);
}
