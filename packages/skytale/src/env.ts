import type { SkytaleChannelManagerOptions as ManagerOptions } from "@parley/channels";

/** The relay where none is given. */
const DEFAULT_RELAY = "https://relay.skytale.sh:5000";
/** The API server where none is given. */
const DEFAULT_API_URL = "https://api.skytale.sh";

/**
 * Who an agent is, and where it connects. What is missing or empty comes from the environment, and where that has nothing, from a default.
 *
 * | option | environment | default |
 * | --- | --- | --- |
 * | `endpoint` | `SKYTALE_RELAY` | `https://relay.skytale.sh:5000` |
 * | `apiUrl` | `SKYTALE_API_URL` | `https://api.skytale.sh` |
 * | `apiKey` | `SKYTALE_API_KEY` | none: only where `token` gives tokens for the relay |
 * | `dataDir` | `SKYTALE_DATA_DIR` | a new temporary directory, of which `onWarning` tells |
 */
export interface SkytaleChannelManagerOptions extends Omit<ManagerOptions, "endpoint" | "apiUrl" | "apiKey"> {
  /** URL of the relay. Default port 5000; `http://` is without TLS. */
  readonly endpoint?: string | undefined;
  /** URL of the API server. */
  readonly apiUrl?: string | undefined;
  /** API key, `sk_live_…`. */
  readonly apiKey?: string | undefined;
}

/** Fills in from the environment what is missing. */
export function fromEnvironment({ endpoint, apiUrl, apiKey, dataDir, ...options }: SkytaleChannelManagerOptions): ManagerOptions {
  const key = apiKey || process.env["SKYTALE_API_KEY"];
  return {
    ...options,
    endpoint: endpoint || process.env["SKYTALE_RELAY"] || DEFAULT_RELAY,
    dataDir: dataDir || process.env["SKYTALE_DATA_DIR"] || undefined,
    ...(key && { apiKey: key, apiUrl: apiUrl || process.env["SKYTALE_API_URL"] || DEFAULT_API_URL }),
  };
}
