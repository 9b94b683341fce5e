/** What the environment says of this agent. Relay, API server and key are read by `skytale` itself, which says so when it takes a default. */
export interface Config {
  readonly identity: string;
  /** Where keys are kept; `undefined` where nobody has said so, and a temporary directory must do. */
  readonly dataDir: string | undefined;
}

/** Who this agent is and which servers it uses, in one line for the log. */
export function describeConfig({ identity, dataDir }: Config, env: NodeJS.ProcessEnv): string {
  const relay = env["SKYTALE_RELAY"] || "the default relay (set SKYTALE_RELAY to use another)";
  const api = env["SKYTALE_API_URL"] || "the default API server (set SKYTALE_API_URL to use another)";
  const keys = dataDir ?? "a temporary directory (set SKYTALE_DATA_DIR to keep them)";
  return `${identity} uses ${relay} and ${api}; keys are in ${keys}`;
}

/** @throws Error that says what is missing, in words for who configures an MCP host */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const identity = env["SKYTALE_IDENTITY"];
  if (identity === undefined || identity === "")
    throw new Error("SKYTALE_IDENTITY is missing: set it to the name that other agents know this one by");
  return { identity, dataDir: env["SKYTALE_DATA_DIR"] || undefined };
}
