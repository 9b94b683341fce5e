import type { Command } from "commander";
import { runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley run`. */
export function declareRun(program: Command, host: Host): void {
  const command = program
    .command("run")
    .summary("run a command with the environment of the development servers")
    .description(
      "Runs a command with LAYR8_NODE_URL, LAYR8_API_KEY, SKYTALE_API_URL, SKYTALE_RELAY and SKYTALE_API_KEY of the servers that " +
        "`parley dev` runs in this directory or in one above it. Ends with the command's exit code.",
    )
    .argument("<command...>", "the command and its arguments")
    .option("--data <directory>", "data directory of `parley dev` (default: .parley here or above)")
    .passThroughOptions()
    .addHelpText("after", "\nExample:\n  parley run -- node agent.mjs");
  runs(command, host, async () => (await import("./run.ts")).run, { handlesSignals: false });
}
