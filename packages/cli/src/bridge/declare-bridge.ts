import type { Command } from "commander";
import { asAuditedAgent } from "../channels/declare-channels.ts";
import { runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley bridge`. */
export function declareBridge(program: Command, host: Host): void {
  const group = program
    .command("bridge")
    .summary("translate between A2A, MCP and SLIM on channels")
    .description("Translates messages between A2A, MCP and SLIM, and forwards them between channels.")
    .usage("<command> [options]");
  const run = asAuditedAgent(group.command("run"))
    .summary("run the bridges of a configuration")
    .description(
      "Runs bridges until Ctrl-C, as an agent that is a member of all their channels. Each message is forwarded once, across restarts, too.",
    )
    .argument("<config>", "JSON file, or - for standard input")
    .addHelpText(
      "after",
      '\nA configuration:\n  {"routes":[{"source":"acme/agents/desk","target":"acme/tools/desk","from":"a2a","to":"mcp"}]}\n' +
        "Optional members of a route: tool, server, peer, peerKey, contextId, drainTarget. Optional beside routes: agent.",
    );
  runs(run, host, async () => (await import("./run-bridge.ts")).runBridge);
}
