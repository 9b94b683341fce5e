import { CommanderError } from "commander";
import { EXIT, usageError, type CliError } from "../cli-error.ts";
import { reportError } from "../output/report-error.ts";

/** Reports how a command ended, other than by returning. Returns the exit code. */
export function endOfCommand(error: unknown, args: readonly string[], environment: Readonly<NodeJS.ProcessEnv>): number {
  const isJson = args.includes("--json");
  if (!(error instanceof CommanderError)) return reportError(error, isJson, environment);
  // A group without a command: its help was printed to standard error.
  return error.code === "commander.help" ? EXIT.usage : reportError(readable(error, args), isJson, environment);
}

/** An error of the command line, as commander found it: `error: unknown command 'dve'`, and on a line of its own what was meant. */
function readable({ message }: CommanderError, args: readonly string[]): CliError {
  const [fault = "", hint] = message.replace(/^error: /, "").split("\n");
  const meant = hint === undefined ? "" : `${hint.replace(/^\((.*)\)$/, "$1")} `;
  const group = args.find((word) => !word.startsWith("-"));
  return usageError(fault, `${meant}See \`parley${group === undefined || meant !== "" ? "" : ` ${group}`} --help\``);
}
