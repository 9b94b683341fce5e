/** What the environment says of this agent. Relay, API server and key are read by `skytale` itself. */
export interface Config {
  readonly identity: string;
  /** Where keys are kept; `undefined` where nobody has said so, and a temporary directory must do. */
  readonly dataDir: string | undefined;
}

/** @throws Error that says what is missing, in words for who configures an MCP host */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const identity = env["SKYTALE_IDENTITY"];
  if (identity === undefined || identity === "")
    throw new Error("SKYTALE_IDENTITY is missing: set it to the name that other agents know this one by");
  return { identity, dataDir: env["SKYTALE_DATA_DIR"] || undefined };
}
