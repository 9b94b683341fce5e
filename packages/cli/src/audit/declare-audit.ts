import type { Command } from "commander";
import { readCount, readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley audit`. */
export function declareAudit(program: Command, host: Host): void {
  const group = program
    .command("audit")
    .summary("export and verify audit chains")
    .description("Exports the audit chain of an agent from a node that keeps one (--audit), and verifies exports offline.")
    .usage("<command> [options]");

  const exported = ofAgent(group.command("export"))
    .summary("export the audit chain of an agent")
    .description("Writes the audit chain of the DID to a file, as JSON Lines with its signed head. The file must not exist.")
    .argument("<file>", "where to write it; - for standard output")
    .option("--peer <did>", "the party that the export is for: entries about others are hidden");
  runs(exported, host, async () => (await import("./export-audit.ts")).exportAudit);

  const head = ofAgent(group.command("head"))
    .summary("print the signed head of an audit chain")
    .description(
      "Prints the signed head of the audit chain of the DID. Keep it: `verify --head` shows whether a later export continues it.",
    );
  runs(head, host, async () => (await import("./export-audit.ts")).printHead);

  const verify = group
    .command("verify")
    .summary("verify one export, or compare those of both parties")
    .description(
      "Names what was altered, dropped, reordered, truncated or rewritten, and on which side. Works offline. Exit code 1 if anything was.",
    )
    .argument("<file>", "an export")
    .argument("[other]", "the export of the other party")
    .option("--did-document <file>", "DID document of a party, which has its key; may be repeated", collect, [])
    .option("--resolve", "fetch the DID documents of the parties")
    .option("--head <head>", "signed head that was kept before, or @<file>; may be repeated", collect, [])
    .option("--clock-skew <time>", "how far the clocks of the parties may be apart, such as 500ms, 10s or 1m", readTimeout, 60_000)
    .option("--max-entries <n>", "maximum number of entries of an export; they are kept in memory", readCount, 1_000_000)
    .option("--context <name>", "with --resolve: the node of a context; none for no context")
    .option("--timeout <time>", "with --resolve: timeout, such as 500ms, 10s or 1m", readTimeout, 10_000);
  runs(verify, host, async () => (await import("./verify-exports.ts")).verifyExports);
}

function ofAgent(command: Command): Command {
  return command
    .option("--as <did>", "the agent (default: LAYR8_AGENT_DID)")
    .option("--context <name>", "node and key of a context; none for no context")
    .option("--timeout <time>", "timeout, such as 500ms, 10s or 1m", readTimeout, 300_000);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
