import { Option, type Command } from "commander";
import { declareDeleteChannel } from "../admin/declare-admin.ts";
import { readCount, readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

const NAME = "org/namespace/service, such as acme/team/general";

/** `parley channels`. */
export function declareChannels(program: Command, host: Host): void {
  const group = program
    .command("channels")
    .summary("create and join encrypted channels, and send on them")
    .description("Creates and joins end-to-end encrypted channels, and sends and receives on them as an agent.")
    .usage("<command> [options]");

  const create = asAuditedAgent(group.command("create"))
    .summary("create a channel")
    .description("Creates a channel with this agent as its first member.")
    .argument("<channel>", NAME);
  runs(create, host, async () => (await import("./channels.ts")).createChannel);

  const list = fromServer(group.command("list"))
    .summary("list the channels of the account")
    .description("Lists the channels that the account of the API key may use.");
  runs(list, host, async () => (await import("./list-channels.ts")).listChannels);

  const send = asAuditedAgent(group.command("send"))
    .summary("send a message to all members")
    .description("Encrypts a message for all members, and ends once the relay has stored it. Prints its sequence number.")
    .argument("<channel>", NAME)
    .argument("<text>", "the message, @<file>, or - for standard input");
  runs(send, host, async () => (await import("./channels.ts")).sendToChannel);

  const listen = asAuditedAgent(group.command("listen"))
    .summary("print the messages of a channel")
    .description("Prints messages as they arrive, until Ctrl-C or --count. Meanwhile, agents with an invite of a member can join.")
    .argument("<channel>", NAME)
    .option("--count <n>", "end after this number of messages", readCount);
  runs(listen, host, async () => (await import("./listen-to-channel.ts")).listenToChannel);

  const members = asAuditedAgent(group.command("members"))
    .summary("list the members of a channel")
    .description("Lists the members, and prints the safety number: members that see the same number have the same members and keys.")
    .argument("<channel>", NAME);
  runs(members, host, async () => (await import("./channels.ts")).listMembers);

  const invite = asAuditedAgent(group.command("invite"))
    .summary("create an invite, and wait for the agents that join")
    .description(
      "Prints the token of an invite: anyone who has it can join. Then waits until all agents have joined, since a member must be connected to " +
        "approve them.",
    )
    .argument("<channel>", NAME)
    .option("--uses <n>", "number of agents that can join", readCount, 1)
    .option("--valid-for <time>", "how long the invite is valid, such as 10m or 2h", readTimeout, 3_600_000)
    .option("--for <identity>", "the only identity that can join")
    .option("--no-wait", "end at once; another member or a later `listen` approves the join");
  runs(invite, host, async () => (await import("./invite.ts")).invite);

  const join = asAuditedAgent(group.command("join"))
    .summary("join a channel with an invite")
    .description("Joins with the token of an invite, and waits until a member approves.")
    .argument("<channel>", NAME)
    .argument("[token]", "@<file>, or - for standard input (default: SKYTALE_INVITE); a token is never an argument");
  runs(join, host, async () => (await import("./channels.ts")).joinChannel);

  const audit = asAgent(group.command("audit"))
    .summary("export the audit chain of a channel")
    .description(
      "Writes what this agent has recorded of a channel with --audit to a file, as JSON Lines with its signed head. The file must not exist.",
    )
    .argument("<channel>", NAME)
    .argument("<file>", "where to write it");
  runs(audit, host, async () => (await import("./export-chain.ts")).exportChain);

  const leave = asAgent(group.command("leave"))
    .summary("leave a channel")
    .description("Asks a member to remove this agent, and erases the channel from its data directory.")
    .argument("<channel>", NAME);
  runs(leave, host, async () => (await import("./channels.ts")).leaveChannel);

  declareDeleteChannel(group, host);

  const tail = fromServer(group.command("tail"))
    .summary("print what the relay stores of a channel")
    .description("Prints the entries of a channel's log as the relay sees them: kind, epoch, size and ciphertext. Needs no member.")
    .argument("<channel>", NAME)
    .option("--from <sequence>", "first entry", readCount, 1)
    .option("--count <n>", "end after this number of entries", readCount);
  runs(tail, host, async () => (await import("./tail.ts")).tail);
}

function fromServer(command: Command): Command {
  return command
    .option("--context <name>", "servers and key of a context; none for no context")
    .option("--timeout <time>", "timeout, such as 500ms, 10s or 1m", readTimeout, 30_000);
}

/** Adds the options of a command that acts as an agent, and can keep audit chains. */
export function asAuditedAgent(command: Command): Command {
  return asAgent(command).addOption(
    new Option("--audit", "keep an audit chain of what is sent and received on each channel").env("SKYTALE_AUDIT"),
  );
}

function asAgent(command: Command): Command {
  return fromServer(command)
    .addOption(new Option("--identity <name>", "identity of the agent that acts").env("SKYTALE_IDENTITY").default("me"))
    .option("--data-dir <directory>", "data directory of that agent (default: SKYTALE_DATA_DIR, or one beside the data of `parley dev`)");
}
