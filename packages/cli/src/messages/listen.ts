import type { JsonObject } from "@parley/core";
import type { Client } from "layr8";
import { readJsonInput } from "../command/read-input.ts";
import { rejectUnused } from "../command/reject-unused.ts";
import { exitOfSignal, type Runtime } from "../command/runtime.ts";
import { withAgent, type AgentOptions } from "./connect-agent.ts";
import { formatMessage, messageOutput } from "./message-output.ts";

/** Options of `parley listen`. */
interface ListenOptions extends AgentOptions {
  readonly count?: number;
  readonly until?: string;
  readonly reply?: string;
  readonly replyType?: string;
}

/** Prints messages as they arrive. @returns 130 or 143 after a signal, 0 after `--count` or `--until`. */
export async function listen(runtime: Runtime, options: ListenOptions, types: readonly string[]): Promise<number> {
  const { output, signal } = runtime;
  if (options.reply === undefined) rejectUnused(runtime, ["--reply-type"], "no message is answered without --reply");
  const reply = options.reply === undefined ? undefined : await readJsonInput(options.reply, "the reply");
  const ended = new AbortController();
  const all = new Set([...types, ...(options.until === undefined ? [] : [options.until])]);
  let received = 0;
  const onMessage = (
    type: string,
    message: Parameters<Parameters<Client["handle"]>[1]>[0],
  ): { type: string; body: JsonObject } | undefined => {
    output.data(messageOutput(message), formatMessage);
    received += 1;
    if (received === options.count || type === options.until) ended.abort();
    return reply === undefined ? undefined : { type: options.replyType ?? type.replace(/[^/]*$/, "response"), body: reply };
  };
  await withAgent(
    runtime,
    options,
    async (client) => {
      output.note(`Listening as ${client.did}.`);
      await aborted(AbortSignal.any([signal, ended.signal]));
    },
    (client) => {
      for (const type of all) client.handle(type, (message) => onMessage(type, message));
    },
  );
  return exitOfSignal(runtime);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
