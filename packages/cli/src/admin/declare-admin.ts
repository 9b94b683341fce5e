import { type Command, Option } from "commander";
import { readNumber, readNumbers, readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

const DID = "such as did:web:example.com:alice";
const SERVER = "node or skytale";
/** Timeout of a backup, in milliseconds. */
const BACKUP_MS = 3_600_000;

/** `parley agents`. */
export function declareAgents(program: Command, host: Host): void {
  const group = groupOf(program, "agents", "list and delete the agents of a node");
  const list = onServer(group.command("list"))
    .summary("list the agents")
    .description("Lists the DIDs of the node, connected ones first.")
    .argument("[text]", "only DIDs and protocols with this text");
  runs(list, host, async () => (await import("./agents.ts")).listAgents);
  const remove = onServer(group.command("delete"))
    .summary("delete an agent")
    .description(
      "Deletes a DID with its keys, inbox, credentials and dead letters, and ends its connections. Senders get a report for each unread message. An " +
        "API key that covers the DID can create it again, with new keys.",
    )
    .argument("<did>", DID);
  runs(remove, host, async () => (await import("./agents.ts")).deleteAgent);
}

/** `parley accounts`. */
export function declareAccounts(program: Command, host: Host): void {
  const group = groupOf(program, "accounts", "list and delete the accounts of a skytale server");
  const list = onServer(group.command("list")).summary("list the accounts").description("Lists the accounts of the skytale server.");
  runs(list, host, async () => (await import("./agents.ts")).listAccounts);
  const remove = onServer(group.command("delete"))
    .summary("delete an account")
    .description(
      "Deletes an account: its API keys, its access to channels of others, and its orgs. Its messages on channels of others stay. An account that " +
        "owns channels is deleted only with --with-channels.",
    )
    .argument("<id>", "as `list` prints it")
    .option("--with-channels", "delete its channels, too");
  runs(remove, host, async () => (await import("./agents.ts")).deleteAccount);
}

/** `parley channels delete`, which acts as the operator of the server. */
export function declareDeleteChannel(group: Command, host: Host): void {
  const remove = onServer(group.command("delete"))
    .summary("delete a channel, as the operator")
    .description("Deletes a channel with its messages, grants and invites from the server. Members keep what they have.")
    .argument("<channel>");
  runs(remove, host, async () => (await import("./agents.ts")).deleteChannel);
}

/** `parley inbox`. */
export function declareInbox(program: Command, host: Host): void {
  const group = groupOf(program, "inbox", "see, redeliver and purge the messages that wait for an agent");
  const list = onServer(group.command("list"))
    .summary("list the waiting messages")
    .description("Lists the first 100 messages in the inbox of an agent, without their bodies.")
    .argument("<did>", DID);
  runs(list, host, async () => (await import("./messages.ts")).showInbox);
  const redeliver = onServer(group.command("redeliver"))
    .summary("deliver a message again now")
    .description("Delivers a message again now, to a connected agent, without waiting for its acknowledgement.")
    .argument("<did>", DID)
    .argument("<seq>", "as `list` prints it", readNumber);
  runs(redeliver, host, async () => (await import("./messages.ts")).redeliverMessage);
  const purge = onServer(group.command("purge"))
    .summary("remove a message")
    .description("Removes a message from an inbox. Its sender gets no report.")
    .argument("<did>", DID)
    .argument("<seq>", "as `list` prints it", readNumber);
  runs(purge, host, async () => (await import("./messages.ts")).purgeMessage);
}

/** `parley outbound`. */
export function declareOutbound(program: Command, host: Host): void {
  const group = groupOf(program, "outbound", "see and purge the messages that wait for other nodes");
  const list = onServer(group.command("list"))
    .summary("list what waits for other nodes")
    .description("Lists senders and recipients with waiting messages, or the messages of one sender to one recipient.")
    .argument("[from]", "DID of the sender")
    .argument("[to]", "DID of the recipient");
  runs(list, host, async () => (await import("./outbound.ts")).listOutbound);
  const purge = onServer(group.command("purge"))
    .summary("remove messages")
    .description("Removes messages that wait for another node. Their sender gets a problem report for each.")
    .argument("<from>", "DID of the sender")
    .argument("<to>", "DID of the recipient")
    .argument("[seq]", "as `list` prints it", readNumber)
    .option("--all", "all of this sender to this recipient");
  runs(purge, host, async () => (await import("./outbound.ts")).purgeOutbound);
}

/** `parley dead-letters`. */
export function declareDeadLetters(program: Command, host: Host): void {
  const group = groupOf(program, "dead-letters", "see, replay and purge messages that failed permanently");
  const list = onServer(group.command("list"))
    .summary("list dead letters")
    .description("Lists the latest dead letters of the node, or of one agent, with their reasons.")
    .argument("[did]", DID);
  runs(list, host, async () => (await import("./messages.ts")).listDeadLetters);
  const show = onServer(group.command("show")).summary("print a dead letter").description("Prints one dead letter.");
  runs(show.argument("<id>", "as `list` prints it", readNumber), host, async () => (await import("./messages.ts")).showDeadLetter);
  const replay = onServer(group.command("replay"))
    .summary("send dead letters again")
    .description(
      "Puts dead letters back: into the inbox of the recipient, as new messages, or into the queue for another node. They get a new lifetime.",
    )
    .argument("<ids...>", "as `list` prints them", readNumbers);
  runs(replay, host, async () => (await import("./messages.ts")).replayDeadLetters);
  const purge = onServer(group.command("purge"))
    .summary("remove dead letters")
    .description("Removes dead letters.")
    .argument("[ids...]", "as `list` prints them", readNumbers)
    .option("--all <did>", "all of one agent");
  runs(purge, host, async () => (await import("./messages.ts")).purgeDeadLetters);
}

/** `parley keys`. */
export function declareKeys(program: Command, host: Host): void {
  const group = groupOf(program, "keys", "create, list and revoke API keys while a server runs");
  const create = ofServer(group.command("create"))
    .summary("create an API key")
    .description("Creates an API key on this machine, gives the server its hash, and prints the key once.")
    .option("--name <name>", "name for people")
    .option("--did <did...>", "node: DIDs and prefixes that end with :* which the key may bind")
    .option("--any", "node: the key may bind any DID")
    .option("--account <id>", "skytale: the account of the key")
    .option("--test", "skytale: a key that begins with sk_test_");
  runs(create, host, async () => (await import("./keys.ts")).createApiKey);
  const list = ofServer(group.command("list")).summary("list the API keys").description("Lists the API keys, without the keys themselves.");
  runs(list, host, async () => (await import("./keys.ts")).listKeys);
  const revoke = ofServer(group.command("revoke"))
    .summary("revoke an API key")
    .description(
      "Revokes an API key, and ends its connections. A key that the configuration of a node has is valid again after its restart.",
    )
    .argument("<id>", "as `list` prints it");
  runs(revoke, host, async () => (await import("./keys.ts")).revokeKey);
  const rotate = ofServer(group.command("rotate"))
    .summary("replace node.key or server.key")
    .description("Replaces the key that encrypts the private keys in the data directory of the server. Nothing else changes.");
  runs(rotate, host, async () => (await import("./keys.ts")).rotateKey);
}

/** `parley policies`. */
export function declarePolicies(program: Command, host: Host): void {
  const group = groupOf(program, "policies", "reload the policies of a node");
  const reload = onServer(group.command("reload"))
    .summary("reload the policies")
    .description("Reads the policies in the node's --config file again. If the file is broken, the present policies stay in force.");
  runs(reload, host, async () => (await import("./keys.ts")).reloadPolicies);
}

/** `parley backup`. */
export function declareBackup(program: Command, host: Host): void {
  const backup = ofServer(program.command("backup"), BACKUP_MS)
    .summary("back up a server, running or not")
    .description(
      "Copies the data of one moment and its key into a new directory on the server's machine, and checks the copy. The server keeps running.",
    )
    .argument("<directory>", "new directory")
    .option("--data-dir <directory>", "data directory of a server that does not run");
  runs(backup, host, async () => (await import("./backup.ts")).backup);
}

/** `parley restore`. */
export function declareRestore(program: Command, host: Host): void {
  const restore = program
    .command("restore")
    .summary("create a data directory from a backup")
    .description("Checks a backup, and creates a data directory from it, with which a server can be started.")
    .argument("<backup>", "directory of the backup")
    .requiredOption("--data-dir <directory>", "new directory");
  runs(restore, host, async () => (await import("./backup.ts")).restore);
}

function groupOf(program: Command, name: string, summary: string): Command {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}`;
  return program
    .command(name)
    .summary(summary)
    .description(`${sentence}, through its admin server (LAYR8_ADMIN_URL, SKYTALE_ADMIN_URL, or the running \`parley dev\`).`)
    .usage("<command> [options]");
}

function onServer(command: Command, timeoutMs = 60_000): Command {
  return command
    .option("--context <name>", "servers and key of a context; none for no context")
    .option("--timeout <time>", "timeout, such as 500ms, 10s or 1m", readTimeout, timeoutMs);
}

function ofServer(command: Command, timeoutMs?: number): Command {
  return onServer(command, timeoutMs).addOption(new Option("--server <name>", SERVER).choices(["node", "skytale"]).default("node"));
}
