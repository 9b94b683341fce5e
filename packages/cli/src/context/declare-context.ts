import type { Command } from "commander";
import { runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley context`. */
export function declareContext(program: Command, host: Host): void {
  const context = program
    .command("context")
    .summary("name servers and keys, and choose which ones are used")
    .description("Contexts are named sets of the variables that agents read. They are in ~/.config/parley/contexts.json (mode 0600).")
    .usage("<command> [options]");
  runs(
    context
      .command("add")
      .summary("add or replace a context")
      .description("Adds a context from the environment, or from a file in the form of .env. The first context becomes the current one.")
      .argument("<name>", "letters, digits, dots, hyphens and underscores")
      // Not --env-file: Node 20 reads that option itself, wherever it stands.
      .option("--from <file>", "file with the variables, - for standard input"),
    host,
    async () => (await import("./context.ts")).addContext,
  );
  const use = context
    .command("use")
    .summary("choose the current context")
    .description("Chooses the context that is used when none is named.");
  runs(use.argument("<name>"), host, async () => (await import("./context.ts")).useContext);
  const list = context
    .command("list")
    .summary("list the contexts")
    .description("Lists all contexts without their keys. * marks the current one.");
  runs(list, host, async () => (await import("./context.ts")).listContexts);
  const remove = context.command("remove").summary("remove a context").description("Removes a context with its keys.");
  runs(remove.argument("<name>"), host, async () => (await import("./context.ts")).removeContext);
}
