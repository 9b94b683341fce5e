import { Argument, type Command } from "commander";
import { runs } from "../command/declare.ts";
import type { Runtime } from "../command/runtime.ts";
import type { Host } from "../host.ts";
import type { CreateProgram } from "./completion.ts";

/** `parley completion`. */
export function declareCompletion(program: Command, host: Host): void {
  const completion = program
    .command("completion")
    .summary("print the completion script of a shell")
    .description("Prints a script that completes commands, options, contexts, channels, and with an admin server DIDs.")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      '\nExample:\n  eval "$(parley completion bash)"\n  parley completion fish > ~/.config/fish/completions/parley.fish',
    );
  runs(completion, host, async () => (await import("./completion.ts")).completion);
}

/** `parley __complete`, which the scripts call. It is not part of the help. */
export function declareComplete(program: Command, host: Host, createProgram: CreateProgram): void {
  const complete = program
    .command("__complete", { hidden: true })
    .argument("[words...]", "the words of the command line after parley; the last one is incomplete")
    .passThroughOptions()
    .allowUnknownOption();
  runs(complete, host, async () => {
    const { complete: printCandidates } = await import("./completion.ts");
    return (runtime: Runtime, _options: object, words: readonly string[]) => printCandidates(runtime, words, createProgram);
  });
}
