import { paintFor } from "./colours.ts";
import { printable } from "./printable.ts";
import { toCliError } from "./to-cli-error.ts";

/**
 * Writes a failure to standard error: cause, remedy and code, or one JSON object with `--json`.
 *
 * @returns the exit code.
 */
export function reportError(thrown: unknown, isJson: boolean, environment: Readonly<NodeJS.ProcessEnv>): number {
  const error = toCliError(thrown);
  const { code, message, remedy, exit } = error;
  if (isJson) {
    process.stderr.write(`${JSON.stringify({ error: { code, message, ...(remedy !== undefined && { remedy }), exit } })}\n`);
    return exit;
  }
  const paint = paintFor(process.stderr, environment);
  const lines = [`${paint("red", "parley:")} ${printable(message)}`];
  if (remedy !== undefined) lines.push(`  remedy: ${printable(remedy)}`);
  lines.push(paint("dim", `  code: ${printable(code)}`));
  process.stderr.write(`${lines.join("\n")}\n`);
  return exit;
}
