import type { Command } from "commander";
import { readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** `parley did`. */
export function declareDid(program: Command, host: Host): void {
  const did = program.command("did").summary("look up DIDs").description("Looks up DIDs.").usage("<command> [options]");
  const resolve = did
    .command("resolve")
    .summary("print the document of a DID")
    .description(
      "Fetches and checks the document of a did:web or did:key, and prints it as JSON. Plain http is used for localhost only; did:web:localhost:<name> is " +
        "looked up at the node of the settings.",
    )
    .argument("<did>", "such as did:web:example.com:alice")
    .option("--context <name>", "the node of a context; none for no context")
    .option("--timeout <time>", "timeout, such as 500ms, 10s or 1m", readTimeout, 10_000);
  runs(resolve, host, async () => (await import("./did.ts")).resolveDid);
}
