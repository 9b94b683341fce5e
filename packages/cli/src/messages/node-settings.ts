import { CliError, EXIT } from "../cli-error.ts";
import type { Runtime } from "../command/runtime.ts";
import { findSettings, requireSource } from "../settings/settings.ts";

/** Options of all commands that use a node. */
export interface NodeOptions {
  readonly as?: string | undefined;
  readonly context?: string | undefined;
}

/** A node, and the DID and key to use it with. */
export interface NodeSettings {
  readonly nodeUrl: string;
  readonly apiKey: string;
  /** The DID of `--as`, or that of the settings. */
  readonly agentDid: string | undefined;
}

/** The node of the settings. @throws CliError `not_configured` */
export async function requireNode({ environment, output }: Runtime, { as, context }: NodeOptions): Promise<NodeSettings> {
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
  return { nodeUrl, apiKey, agentDid: as ?? ownDid };
}
