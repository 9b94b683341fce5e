import type { Command } from "commander";
import { readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley inspect`. */
export function declareInspect(program: Command, host: Host): void {
  const inspect = program
    .command("inspect")
    .summary("show what is known about an agent")
    .description(
      "Fetches the document of a DID, asks the agent for the protocols that it handles, and prints keys, endpoints and protocols. What can't be " +
        "found out is printed with its reason.",
    )
    .argument("<did>", "such as did:web:example.com:alice")
    .option("--as <did>", "the DID that asks (default: LAYR8_AGENT_DID, or one that the node assigns)")
    .option("--context <name>", "node and key of a context; none for no context")
    .option("--timeout <time>", "timeout of each of both, such as 500ms, 10s or 1m", readTimeout, 10_000);
  runs(inspect, host, async () => (await import("./inspect.ts")).inspect);
}
