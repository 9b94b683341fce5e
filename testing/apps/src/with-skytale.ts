import { startSkytale, type SkytaleOptions, type SkytaleServer } from "@parley/skytale-server";

/** What an app finds in its environment. */
export type SkytaleEnvironment = Readonly<Record<"SKYTALE_RELAY" | "SKYTALE_API_URL" | "SKYTALE_API_KEY", string>>;

/** Runs a check with a skytale server of its own, in memory, on free ports. */
export async function withSkytale(
  check: (env: SkytaleEnvironment, server: SkytaleServer) => Promise<void>,
  options: Pick<SkytaleOptions, "dataDir" | "limits"> = {},
): Promise<void> {
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false, ...options });
  try {
    await check({ SKYTALE_RELAY: server.relayUrl, SKYTALE_API_URL: server.apiUrl, SKYTALE_API_KEY: server.apiKey ?? "" }, server);
  } finally {
    await server.close();
  }
}
