/** Settings from the environment. `skytale` itself reads relay, API server and API key, and logs when it uses a default. */
export interface Config {
  readonly identity: string;
  /** Data directory; `undefined` for a temporary one. */
  readonly dataDir: string | undefined;
}

/** The identity of this agent and its servers, in one line for the log. */
export function describeConfig({ identity, dataDir }: Config, env: NodeJS.ProcessEnv): string {
  const relay = env["SKYTALE_RELAY"] || "the default relay (set SKYTALE_RELAY to use another)";
  const api = env["SKYTALE_API_URL"] || "the default API server (set SKYTALE_API_URL to use another)";
  const keys = dataDir ?? "a temporary directory (set SKYTALE_DATA_DIR to keep them)";
  return `${identity} uses ${relay} and ${api}; keys are in ${keys}`;
}

/** @throws Error naming the missing variable, for the user that configures the MCP host */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const identity = env["SKYTALE_IDENTITY"];
  if (identity === undefined || identity === "")
    throw new Error("SKYTALE_IDENTITY is missing: set it to the name of this agent for other agents");
  return { identity, dataDir: env["SKYTALE_DATA_DIR"] || undefined };
}
