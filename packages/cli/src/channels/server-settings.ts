import type { Runtime } from "../command/runtime.ts";
import { CliError, EXIT } from "../cli-error.ts";
import { findSettings, requireSource } from "../settings/settings.ts";

/** Options of all commands that use a skytale server. */
export interface ServerOptions {
  readonly context?: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** A skytale server, and the key of an account. */
export interface SkytaleServerSettings {
  readonly endpoint: string;
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly dataDir: string | undefined;
}

/** The skytale server of the settings. @throws CliError `not_configured` */
export async function requireServer({ environment, output }: Runtime, { context }: ServerOptions): Promise<SkytaleServerSettings> {
  const settings = await findSettings({ environment, cwd: process.cwd(), context });
  const { name, variables } = requireSource(settings);
  const { SKYTALE_RELAY: endpoint, SKYTALE_API_URL: apiUrl, SKYTALE_API_KEY: apiKey, SKYTALE_DATA_DIR: dataDir } = variables;
  if (endpoint === undefined || apiUrl === undefined || apiKey === undefined) {
    throw new CliError("not_configured", `${name} has no SKYTALE_RELAY, no SKYTALE_API_URL or no SKYTALE_API_KEY`, {
      exit: EXIT.usage,
      remedy: "set all three in the same place, or choose another context with --context",
    });
  }
  if (settings.others.length > 0) output.note(`Using the skytale server of ${name}.`);
  return { endpoint, apiUrl, apiKey, dataDir };
}
