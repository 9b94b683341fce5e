import { Argument, Option, type Command } from "commander";
import { readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

const SIGNED = "signed credential, @<file>, or - for standard input";

/** `parley credentials`. */
export function declareCredentials(program: Command, host: Host): void {
  const group = program
    .command("credentials")
    .summary("issue, verify, store and list credentials")
    .description("Issues, verifies, stores and lists W3C Verifiable Credentials through a node.")
    .usage("<command> [options]");

  const sign = asAgent(group.command("sign"))
    .summary("sign a credential")
    .description(
      "Has the node sign a credential with the key of the DID, and prints it. Missing id, issuer, context and type are filled in.",
    )
    .argument("<credential>", "JSON object, @<file>, or - for standard input")
    .addOption(
      new Option("--format <format>", "format of the result").choices(["compact_jwt", "jwt", "json", "enveloped"]).default("compact_jwt"),
    );
  sign.option("--revocable", "let parley credentials status change it later, in status lists that the node publishes");
  runs(sign, host, async () => (await import("./credentials.ts")).signCredential);

  const status = asAgent(group.command("status"))
    .summary("revoke, suspend or resume a credential")
    .description("Changes the status of a credential that was signed with --revocable. A revocation is final.")
    .argument("<signed>", SIGNED)
    .addArgument(new Argument("<status>", "the new status").choices(["valid", "suspended", "revoked"]));
  runs(status, host, async () => (await import("./credentials.ts")).setCredentialStatus);

  const verify = asAgent(group.command("verify"))
    .summary("verify a credential")
    .description(
      "Verifies signature, dates and status of a credential, by the node or with --local on this machine, and prints its content.",
    )
    .argument("<signed>", SIGNED)
    .option("--local", "verify on this machine, without a node");
  runs(verify, host, async () => (await import("./credentials.ts")).verifyCredential);

  const store = asAgent(group.command("store"))
    .summary("store a credential")
    .description("Stores a signed credential in the wallet of the DID at the node, and prints its id.")
    .argument("<signed>", SIGNED);
  runs(store, host, async () => (await import("./credentials.ts")).storeCredential);

  const list = asAgent(group.command("list"))
    .summary("list the stored credentials")
    .description("Lists the credentials in the wallet of the DID at the node.");
  runs(list, host, async () => (await import("./credentials.ts")).listCredentials);

  const show = asAgent(group.command("show"))
    .summary("print a stored credential")
    .description("Prints a credential of the wallet, signed.")
    .argument("<id>", "the id that `store` and `list` print");
  runs(show, host, async () => (await import("./credentials.ts")).showCredential);
}

function asAgent(command: Command): Command {
  return command
    .option("--as <did>", "issuer, holder or verifier (default: LAYR8_AGENT_DID)")
    .option("--context <name>", "node and key of a context; none for no context")
    .option("--timeout <time>", "timeout, such as 500ms, 10s or 1m", readTimeout, 30_000);
}
