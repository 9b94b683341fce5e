import { Option, type Command } from "commander";
import { readCount, readTimeout, runs } from "../command/declare.ts";
import type { Host } from "../host.ts";

/** The states that `parley send` can wait for. */
const UNTIL = ["queued", "delivered", "handled"] as const;
const BODY = "JSON object, @<file>, or - for standard input (default: {})";

/** `parley send`. */
export function declareSend(program: Command, host: Host): void {
  const send = asAgent(program.command("send"))
    .summary("send a message")
    .description(
      "Sends a message and ends once the node has it on disk. Prints its id. With --until, prints the signed receipts of the recipient instead, and ends with the wanted one.",
    )
    .argument("<did>", "the recipient")
    .argument("<type>", "message type, such as https://layr8.io/protocols/echo/1.0/request")
    .argument("[body]", BODY)
    .addOption(new Option("--until <state>", "wait until the recipient's side says how far the message has come").choices(UNTIL));
  runs(send, host, async () => (await import("./messages.ts")).send);
}

/** `parley request`. */
export function declareRequest(program: Command, host: Host): void {
  const request = asAgent(program.command("request"))
    .summary("send a request and print the response")
    .description("Sends a request, waits for its response and prints that. A problem report ends it with exit code 3.")
    .argument("<did>", "the recipient")
    .argument("<type>", "message type, such as https://layr8.io/protocols/echo/1.0/request")
    .argument("[body]", BODY);
  runs(request, host, async () => (await import("./messages.ts")).request);
}

/** `parley ping`. */
export function declarePing(program: Command, host: Host): void {
  const ping = asAgent(program.command("ping"))
    .summary("measure the time to an agent and back")
    .description(
      "Sends a trust ping (https://didcomm.org/trust-ping/2.0/) and waits for its response. A node answers for an agent that has no handler for it.",
    )
    .argument("<did>", "the recipient");
  runs(ping, host, async () => (await import("./messages.ts")).ping);
}

/** `parley listen`. */
export function declareListen(program: Command, host: Host): void {
  const listen = asAgent(program.command("listen"))
    .summary("print the messages that arrive")
    .description(
      "Prints messages of the given types as they arrive, until Ctrl-C, --count or --until. Each is acknowledged when it is printed.",
    )
    .argument("<type...>", "message types")
    .option("--count <n>", "end after this number of messages", readCount)
    .option("--until <type>", "end after a message of this type")
    .option("--reply <body>", `answer each message: ${BODY.replace(", or - for standard input (default: {})", "")}`)
    .option("--reply-type <type>", "type of the answers (default: the message's, with `response` as its last part)");
  runs(listen, host, async () => (await import("./listen.ts")).listen);
}

function asAgent(command: Command): Command {
  return command
    .option("--as <did>", "the DID to act as (default: LAYR8_AGENT_DID, or one that the node assigns)")
    .option("--context <name>", "context with the node's URL and key, or `none`")
    .option("--timeout <time>", "longest wait for the node and for a response, such as 500ms, 10s or 1m", readTimeout, 30_000);
}
