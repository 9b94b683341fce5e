import type { Command } from "commander";
import { readPort, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley dev`. */
export function declareDev(program: Command, host: Host): void {
  const command = program
    .command("dev")
    .summary("run a node and a skytale server for development")
    .description(
      "Runs a node and a skytale server in one process until Ctrl-C. Writes what agents need into .env, prints it, and prints a line for " +
        "each message and event, without bodies and keys.",
    )
    .option("--data <directory>", "where messages, accounts and keys are kept", ".parley")
    .option("--memory", "keep nothing: all data is lost at the end")
    .option("--reset", "empty the data directory first")
    .option("--env <file>", "file for `node --env-file`; its other lines are kept", ".env")
    .option("--no-env", "write no such file")
    .option("--two-nodes", "run a second node, with which the first exchanges messages")
    .option("--node-port <port>", "port of the node, 0 for a free one", readPort, 4000)
    .option("--api-port <port>", "port of the API server, 0 for a free one", readPort, 5100)
    .option("--relay-port <port>", "port of the relay, 0 for a free one", readPort, 5000)
    .option("--admin-port <port>", "port of the console, 0 for a free one", readPort, 4400)
    .option("--second-port <port>", "port of the second node, 0 for a free one", readPort, 4001)
    .option("--no-admin", "run no console")
    .option("--open", "open the console in the browser")
    .option("--free-ports", "take free ports instead of these")
    .option("--verbose", "print successful reading calls of the API and connections, too")
    .addHelpText("after", "\nExample:\n  parley dev\n  parley run -- node agent.mjs     (in another terminal)");
  runs(command, host, async () => (await import("./dev.ts")).dev);
}
