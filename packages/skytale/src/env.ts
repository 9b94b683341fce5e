import type { SkytaleChannelManagerOptions as ManagerOptions } from "@parley/channels";

/** The default relay. */
const DEFAULT_RELAY = "https://relay.skytale.sh:5000";
/** The default API server. */
const DEFAULT_API_URL = "https://api.skytale.sh";

/**
 * An agent's identity and servers. Missing or empty options are taken from the environment, then from the defaults.
 *
 * | option | environment | default |
 * | --- | --- | --- |
 * | `endpoint` | `SKYTALE_RELAY` | `https://relay.skytale.sh:5000` |
 * | `apiUrl` | `SKYTALE_API_URL` | `https://api.skytale.sh` |
 * | `apiKey` | `SKYTALE_API_KEY` | none: only where `token` gives tokens for the relay |
 * | `dataDir` | `SKYTALE_DATA_DIR` | a new temporary directory, which `onWarning` reports |
 * | `lens` | `SKYTALE_LENS` | no lens |
 */
export interface SkytaleChannelManagerOptions extends Omit<ManagerOptions, "endpoint" | "apiUrl" | "apiKey"> {
  /** URL of the relay. Default port 5000; `http://` is without TLS. */
  readonly endpoint?: string | undefined;
  /** URL of the API server. */
  readonly apiUrl?: string | undefined;
  /** API key, `sk_live_…`. */
  readonly apiKey?: string | undefined;
  /**
   * Directory in which this agent announces its lens: a port on loopback, with a token, from which the console of the same user reads members,
   * epochs and unreadable entries. It has no text of messages. For development.
   */
  readonly lens?: string | undefined;
}

/**
 * Adds missing options from the environment, except the lens. Reports with `onWarning` which default servers are used.
 *
 * @throws TypeError when the options aren't an object
 */
export function fromEnvironment(given: SkytaleChannelManagerOptions): ManagerOptions {
  if (typeof given !== "object" || given === null) {
    throw new TypeError('SkytaleChannelManager takes an options object with an identity, such as { identity: "alice" }');
  }
  const { endpoint, apiUrl, apiKey, dataDir, lens: _lens, ...options } = given;
  const key = apiKey || process.env["SKYTALE_API_KEY"];
  const relay = endpoint || process.env["SKYTALE_RELAY"];
  const api = apiUrl || process.env["SKYTALE_API_URL"];
  const hosted = [
    ...(relay || options.transport !== undefined ? [] : [`the relay ${DEFAULT_RELAY} (set SKYTALE_RELAY or endpoint to use another)`]),
    ...(key && !api ? [`the API server ${DEFAULT_API_URL} (set SKYTALE_API_URL or apiUrl to use another)`] : []),
  ];
  if (hosted.length > 0) (options.onWarning ?? printOnce)(`using ${hosted.join(" and ")}`);
  return {
    ...options,
    endpoint: relay || DEFAULT_RELAY,
    dataDir: dataDir || process.env["SKYTALE_DATA_DIR"] || undefined,
    ...(key && { apiKey: key, apiUrl: api || DEFAULT_API_URL }),
  };
}

/** The directory of lenses, from the option or the environment. */
export function lensDirectory(given: string | undefined): string | undefined {
  return given || process.env["SKYTALE_LENS"] || undefined;
}

const printed = new Set<string>();

/** Writes one line to stderr, once per process. */
function printOnce(warning: string): void {
  if (printed.has(warning)) return;
  printed.add(warning);
  process.stderr.write(`skytale: ${warning}\n`);
}
