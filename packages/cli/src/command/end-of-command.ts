import { CommanderError, type Command } from "commander";
import { EXIT, usageError, type CliError } from "../cli-error.ts";
import { reportError } from "../output/report-error.ts";

/** Reports how a command of a program ended, other than by returning. Returns the exit code. */
export function endOfCommand(
  error: unknown,
  {
    program,
    args,
    environment,
  }: { readonly program: Command; readonly args: readonly string[]; readonly environment: Readonly<NodeJS.ProcessEnv> },
): number {
  const isJson = args.includes("--json");
  if (!(error instanceof CommanderError)) return reportError(error, isJson, environment);
  // A group without a command: its help was printed to standard error.
  return error.code === "commander.help" ? EXIT.usage : reportError(readable(error, pathOf(program, args)), isJson, environment);
}

/** An error of the command line, as commander found it: `error: unknown command 'dve'`, and on a line of its own what was meant. */
function readable({ message }: CommanderError, path: string): CliError {
  const [fault = "", hint] = message.replace(/^error: /, "").split("\n");
  const meant = hint === undefined ? "" : `${hint.replace(/^\((.*)\)$/, "$1")} `;
  return usageError(fault, `${meant}See \`${path} --help\``);
}

/** The command that the arguments name, with its groups: `parley keys create`. */
function pathOf(program: Command, args: readonly string[]): string {
  let [path, command] = [program.name(), program];
  for (const word of args) {
    const found = command.commands.find((child) => child.name() === word);
    if (found === undefined) break;
    path += ` ${word}`;
    command = found;
  }
  return path;
}
