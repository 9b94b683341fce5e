import { isJsonObject, type JsonObject } from "@parley/core";
import { describeThrown } from "@parley/core/internal";
import { Client } from "layr8";
import { placeOf, readTextInput } from "../command/read-input.ts";
import type { Runtime } from "../command/runtime.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import { findSettings, requireSource } from "../settings/settings.ts";

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
  { environment, output, signal }: Runtime,
  { as, context, timeout }: AgentOptions,
  task: (client: Client) => Promise<T>,
  prepare: (client: Client) => void = () => undefined,
): Promise<T> {
  const settings = await findSettings({ environment, cwd: process.cwd(), context });
  const { name, variables } = requireSource(settings);
  const { LAYR8_NODE_URL: nodeUrl, LAYR8_API_KEY: apiKey, LAYR8_AGENT_DID: ownDid } = variables;
  if (nodeUrl === undefined || apiKey === undefined) {
    throw new CliError("not_configured", `${name} has no LAYR8_NODE_URL or no LAYR8_API_KEY`, {
      exit: EXIT.usage,
      remedy: "set both in the same place, or choose another context with --context",
    });
  }
  if (settings.others.length > 0) output.note(`Using the node of ${name}.`);
  const agentDid = as ?? ownDid;
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

/**
 * Reads the body of a message: JSON, `@<file>`, or `-` for standard input.
 *
 * @throws CliError `usage`, without the text
 */
export async function readBody(given: string | undefined): Promise<JsonObject> {
  if (given === undefined) return {};
  const place = placeOf(given, "the body");
  const json = await readTextInput(given);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw usageError(`${place} is not JSON`, `give a JSON object such as '{"text":"hello"}', @<file>, or - for standard input`);
  }
  if (!isJsonObject(value)) throw usageError(`${place} is not a JSON object`, `give an object such as '{"text":"hello"}'`);
  return value;
}
