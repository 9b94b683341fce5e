import type { Command } from "commander";
import { readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley doctor`. */
export function declareDoctor(program: Command, host: Host): void {
  const command = program
    .command("doctor")
    .summary("check this machine, the servers and the keys")
    .description(
      "Checks Node, settings, data directory, servers, keys and clocks in order. Each check prints what was found and what to do.",
    )
    .option("--context <name>", "check the servers of a context, or `none`")
    .option("--data <directory>", "data directory to check (default: SKYTALE_DATA_DIR, or .parley)")
    .option("--bundle <file>", "write a report for a bug report, without keys")
    .option("--timeout <time>", "timeout of each call, such as 500ms, 10s or 1m", readTimeout, 10_000);
  runs(command, host, async () => (await import("./doctor.ts")).doctor);
}
