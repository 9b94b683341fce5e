import { describeThrown } from "@parley/core/internal";
import { unknownCommand } from "./unknown-command.ts";

/** Environment variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a command with the rest of its command line. @throws an error whose message is printed */
export type Command = (args: readonly string[], environment: Environment) => Promise<void>;

/**
 * Runs the command that the command line of this process names: `start` if it names none. Prints an error as one line, and sets the exit code 1.
 *
 * @param commands by name, such as `keys create`. Each loads only what it needs.
 */
export async function runCommand(
  program: string,
  environment: Environment,
  commands: Readonly<Record<string, () => Promise<Command>>>,
): Promise<void> {
  const args = process.argv.slice(2);
  const [first = ""] = args;
  const isStart = first === "" || first === "start" || first.startsWith("-");
  const name = isStart ? "start" : args.slice(0, 2).join(" ");
  try {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    const words = args.slice(0, 2).filter((word) => !word.startsWith("-"));
    if (load === undefined) throw unknownCommand(program, words, Object.keys(commands));
    const run = await load();
    await run(args.slice(isStart ? Number(first === "start") : 2), environment);
  } catch (error) {
    console.error(`${program}: ${describeThrown(error)}`);
    process.exitCode = 1;
  }
}
