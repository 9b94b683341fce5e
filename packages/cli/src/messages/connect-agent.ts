import { describeThrown } from "@parley/core/internal";
import { Client } from "layr8";
import type { Runtime } from "../command/runtime.ts";
import { requireNode } from "./node-settings.ts";

/** Options of all commands that act as an agent. */
export interface AgentOptions {
  readonly as?: string;
  readonly context?: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Runs a task with a client that is connected, and closes the client afterwards.
 *
 * @param prepare registers handlers before the client connects.
 * @throws CliError `not_configured`; errors of `connect` and of the task.
 */
export async function withAgent<T>(
  runtime: Runtime,
  { as, context, timeout }: AgentOptions,
  task: (client: Client) => Promise<T>,
  prepare: (client: Client) => void = () => undefined,
): Promise<T> {
  const { output, signal } = runtime;
  const { nodeUrl, apiKey, agentDid } = await requireNode(runtime, { as, context });
  const client = new Client({ nodeUrl, apiKey, ...(agentDid !== undefined && { agentDid }), requestTimeoutMs: timeout }, (failure) =>
    output.note(describeThrown(failure.cause)),
  );
  try {
    prepare(client);
    await client.connect({ signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]) });
    return await task(client);
  } finally {
    await client.close();
  }
}
