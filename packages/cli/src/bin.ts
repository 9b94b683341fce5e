import { createRequire } from "node:module";
import { CommanderError } from "commander";
import { createProgram } from "./program.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };

async function main(given: readonly string[]): Promise<void> {
  // `parley help dev` is `parley dev --help`.
  const args = given[0] === "help" ? [...given.slice(1), "--help"] : given;
  const [name = ""] = args;
  const program = await createProgram({ version, environment: process.env }, [name]);
  if (name === "") {
    program.outputHelp({ error: true });
    process.exitCode = 2;
    return;
  }
  try {
    // Otherwise commander would answer `parley nosuch --help` with the help of the program.
    const isUnknown = !name.startsWith("-") && !program.commands.some((command) => command.name() === name);
    await program.parseAsync(isUnknown ? [name] : [...args], { from: "user" });
  } catch (error) {
    // Help and version end through an exception, too.
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const { endOfCommand } = await import("./command/end-of-command.ts");
    process.exitCode = endOfCommand(error, { program, args, environment: process.env });
  }
}

await main(process.argv.slice(2));
