import { z } from "zod";
import type { Runtime } from "../command/runtime.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import { printable } from "../output/printable.ts";
import { AdminClient, type AdminCommandOptions } from "./admin-client.ts";
import type { ChangedOutput, DeadLetterOutput, DeadLettersOutput, InboxOutput } from "./admin-output.ts";
import { change, isoTime } from "./change.ts";

const AGENT = z.object({
  isHosted: z.boolean(),
  waiting: z.number().default(0),
  inbox: z
    .array(
      z.object({
        seq: z.number(),
        id: z.string(),
        type: z.string(),
        from: z.string().optional(),
        attempts: z.number(),
        expiresAt: z.number(),
      }),
    )
    .default([]),
});

const LETTER = z.object({
  id: z.number(),
  direction: z.enum(["inbound", "outbound"]),
  messageId: z.string(),
  type: z.string(),
  from: z.string().optional(),
  to: z.string(),
  code: z.string(),
  reason: z.string(),
  failedAt: z.number(),
  plaintext: z.string().optional(),
});
const LETTERS = z.object({ isKept: z.boolean(), total: z.number().default(0), deadLetters: z.array(LETTER) });
const ONE_LETTER = z.union([z.object({ exists: z.literal(false) }), LETTER.extend({ exists: z.literal(true) })]);

/** Prints what waits in the inbox of an agent. */
export async function showInbox(runtime: Runtime, options: AdminCommandOptions, did: string): Promise<void> {
  const client = await AdminClient.find("node", runtime, options);
  const { isHosted, waiting, inbox } = await client.read("agent", AGENT, { did });
  if (!isHosted) throw new CliError("not_found", `${did} is not hosted by this node`, { exit: EXIT.refused });
  const messages = inbox.map(({ seq, id, type, from, attempts, expiresAt }) => {
    return { seq, id, type, ...(from !== undefined && { from }), attempts, expiresAt: isoTime(expiresAt) };
  });
  const result: InboxOutput = { did, waiting, messages };
  runtime.output.data(
    result,
    () =>
      messages
        .map(({ seq, id, type, from = "anonymous", attempts }) =>
          [seq, printable(id), printable(type), from, `${attempts} attempts`].join("\t"),
        )
        .join("\n"),
    `No message waits for ${did}.`,
  );
}

/** Removes a waiting message. */
export async function purgeMessage(runtime: Runtime, options: AdminCommandOptions, did: string, seq: string): Promise<void> {
  await change(runtime, options, { server: "node", action: "purge-message", parameters: { did, seq }, done: `Purged message ${seq}.` });
}

/** Delivers a waiting message again. */
export async function redeliverMessage(runtime: Runtime, options: AdminCommandOptions, did: string, seq: string): Promise<void> {
  const parameters = { did, seq };
  await change(runtime, options, { server: "node", action: "redeliver-message", parameters, done: `Message ${seq} is delivered again.` });
}

/** Lists the dead letters of the node, or of one agent. */
export async function listDeadLetters(runtime: Runtime, options: AdminCommandOptions, did: string | undefined): Promise<void> {
  const client = await AdminClient.find("node", runtime, options);
  const { isKept, total, deadLetters: found } = await client.read("dead-letters", LETTERS, { did });
  if (!isKept) runtime.output.note("This node keeps no dead letters: start it with --dead-letters.");
  const result: DeadLettersOutput = { total, deadLetters: found.map(outputOf) };
  runtime.output.data(
    result,
    ({ deadLetters }) =>
      deadLetters
        .map(({ id, failedAt, code, messageId, to, reason }) =>
          [id, failedAt, code, printable(messageId), to, printable(reason)].join("\t"),
        )
        .join("\n"),
    "No message has failed permanently.",
  );
}

/** Prints one dead letter. */
export async function showDeadLetter(runtime: Runtime, options: AdminCommandOptions, id: string): Promise<void> {
  const client = await AdminClient.find("node", runtime, options);
  const found = await client.read("dead-letter", ONE_LETTER, { id });
  if (!found.exists) throw new CliError("not_found", `no dead letter has the id ${id}`, { exit: EXIT.refused });
  if (found.plaintext === undefined) runtime.output.note("The node shows no bodies of messages: start it with --admin-bodies.");
  runtime.output.data(outputOf(found), (letter) =>
    Object.entries(letter)
      .map(([name, value]) => `${name}\t${printable(value)}`)
      .join("\n"),
  );
}

/** Sends dead letters again. */
export async function replayDeadLetters(runtime: Runtime, options: AdminCommandOptions, ids: readonly string[]): Promise<void> {
  await forEach(runtime, options, { action: "replay-dead-letter", ids, done: "Replayed" });
}

/** Removes dead letters. */
export async function purgeDeadLetters(
  runtime: Runtime,
  { all, ...options }: AdminCommandOptions & { readonly all?: string },
  ids: readonly string[],
): Promise<void> {
  if ((all === undefined) === (ids.length === 0)) {
    throw usageError("which dead letters?", "give either their ids, or --all <did> for those of one agent");
  }
  if (all === undefined) return forEach(runtime, options, { action: "purge-dead-letter", ids, done: "Purged" });
  await change(runtime, options, {
    server: "node",
    action: "purge-dead-letters",
    parameters: { did: all },
    done: `Purged those of ${all}.`,
  });
}

async function forEach(
  runtime: Runtime,
  options: AdminCommandOptions,
  { action, ids, done }: { readonly action: string; readonly ids: readonly string[]; readonly done: string },
): Promise<void> {
  const client = await AdminClient.find("node", runtime, options);
  for (const id of ids) {
    const result: ChangedOutput = { action, server: "node", result: await client.act(action, { id }) };
    runtime.output.data(result, () => `${done} ${id}.`);
  }
}

function outputOf({ failedAt, ...letter }: z.infer<typeof LETTER>): DeadLetterOutput {
  const { id, direction, messageId, type, from, to, code, reason, plaintext } = letter;
  const optional = { ...(from !== undefined && { from }), ...(plaintext !== undefined && { plaintext }) };
  return { id, direction, messageId, type, to, code, reason, failedAt: isoTime(failedAt), ...optional };
}
