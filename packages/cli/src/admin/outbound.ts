import { z } from "zod";
import type { Runtime } from "../command/runtime.ts";
import { CliError, EXIT } from "../cli-error.ts";
import { printable } from "../output/printable.ts";
import { AdminClient, type AdminCommandOptions } from "./admin-client.ts";
import type { OutboundMessagesOutput, OutboundOutput } from "./admin-output.ts";
import { change, isoTime } from "./change.ts";

const FEDERATION = z.object({
  messages: z.number(),
  pairs: z.array(
    z.object({ sender: z.string(), recipient: z.string(), waiting: z.number(), failures: z.number(), reason: z.string().optional() }),
  ),
});
const MESSAGES = z.object({
  messages: z.array(
    z.object({
      seq: z.number(),
      id: z.string().optional(),
      type: z.string().optional(),
      expiresAt: z.number(),
      isBeingSent: z.boolean(),
    }),
  ),
});

/** Lists what waits for other nodes: senders and recipients, or the messages of one sender to one recipient. */
export async function listOutbound(
  runtime: Runtime,
  options: AdminCommandOptions,
  from: string | undefined,
  to: string | undefined,
): Promise<void> {
  const client = await AdminClient.find("node", runtime, options);
  if (from === undefined) return listPairs(runtime, client);
  if (to === undefined)
    throw new CliError("usage", "missing argument <to>", { exit: EXIT.usage, remedy: "`list` without arguments prints both" });
  const { messages } = await client.read("outbound", MESSAGES, { from, to });
  const result: OutboundMessagesOutput = {
    from,
    to,
    messages: messages.map(({ expiresAt, ...message }) => ({ ...message, expiresAt: isoTime(expiresAt) })),
  };
  runtime.output.data(
    result,
    () =>
      result.messages
        .map(({ seq, id = "damaged", type = "", expiresAt, isBeingSent }) =>
          [seq, printable(id), printable(type), expiresAt, isBeingSent ? "is being sent" : "waits"].join("\t"),
        )
        .join("\n"),
    `No message of ${from} waits for ${to}.`,
  );
}

/** Removes messages that wait for another node: one of them, or all of a sender to a recipient. */
export async function purgeOutbound(
  runtime: Runtime,
  { all = false, ...options }: AdminCommandOptions & { readonly all?: boolean },
  from: string,
  to: string,
  seq: string | undefined,
): Promise<void> {
  if (all === (seq !== undefined))
    throw new CliError("usage", "which messages?", {
      exit: EXIT.usage,
      remedy: "give <seq>, or --all for all of this sender to this recipient",
    });
  const done = seq === undefined ? `Purged the messages of ${from} to ${to}.` : `Purged message ${seq}.`;
  await change(runtime, options, { server: "node", action: "purge-outbound", parameters: { from, to, seq }, done });
}

async function listPairs(runtime: Runtime, client: AdminClient): Promise<void> {
  const { messages, pairs } = await client.read("federation", FEDERATION);
  const result: OutboundOutput = {
    total: messages,
    pairs: pairs.map(({ sender: from, recipient: to, ...pair }) => ({ from, to, ...pair })),
  };
  runtime.output.data(
    result,
    () =>
      result.pairs
        .map(({ from, to, waiting, failures, reason = "" }) =>
          [from, to, `${waiting} waiting`, `${failures} failed tries`, printable(reason)].join("\t"),
        )
        .join("\n"),
    "Nothing waits for other nodes.",
  );
}
