import { join } from "node:path";
import { SkytaleChannelManager, type SkytaleClientEvents } from "skytale";
import type { Runtime } from "../command/runtime.ts";
import { AGENTS, findDevState } from "../dev/dev-state.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import { printable } from "../output/printable.ts";
import { requireServer, type ServerOptions, type SkytaleServerSettings } from "./server-settings.ts";

/** Options of all commands that act as an agent on a channel. */
export interface ChannelAgentOptions extends ServerOptions {
  readonly identity: string;
  readonly dataDir?: string;
  /** Whether audit chains are kept. */
  readonly audit?: boolean;
}

/**
 * Runs a task with a manager that has the channel open, and closes the manager afterwards.
 *
 * @throws CliError `not_configured`, `usage`; errors of channels
 */
export async function withManager<T>(
  runtime: Runtime,
  options: ChannelAgentOptions,
  task: (manager: SkytaleChannelManager) => Promise<T>,
  events: Partial<SkytaleClientEvents> = {},
): Promise<T> {
  const server = await requireServer(runtime, options);
  const { output } = runtime;
  const manager = new SkytaleChannelManager({
    ...server,
    identity: options.identity,
    dataDir: options.dataDir ?? (await dataDirOf(options.identity, server)),
    timeoutMs: options.timeout,
    audit: options.audit ?? false,
    onWarning: (warning) => output.note(warning),
    events: { ...events, onError: (channel, error) => output.note(printable(`${channel}: ${error.message}`)) },
  });
  try {
    return await task(manager);
  } finally {
    await manager.close();
  }
}

/** The directory of an agent, if none is named: the keys of its channels are only of use with the server that they were made for. */
async function dataDirOf(identity: string, { apiUrl, dataDir }: SkytaleServerSettings): Promise<string> {
  if (dataDir !== undefined) return dataDir;
  const dev = await findDevState(undefined);
  if (dev === undefined || dev.state.inMemory === true || dev.state.environment.SKYTALE_API_URL !== apiUrl) {
    throw new CliError("not_configured", "the agent has no data directory, which keeps its keys and channels", {
      exit: EXIT.usage,
      remedy: "name one with --data-dir <directory> or SKYTALE_DATA_DIR, the same each time",
    });
  }
  if (!/^[\w@+-][\w.@+-]{0,63}$/.test(identity)) throw usageError("this identity cannot name a directory", "name one with --data-dir");
  return join(dev.directory, AGENTS, identity);
}
