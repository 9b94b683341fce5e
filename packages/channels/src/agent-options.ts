import { resolve } from "node:path";
import { readDurationMs } from "@parley/core/internal";
import { checkRelayOptions } from "@parley/skytale-relay/options";
import { readApiOptions } from "./api/api-options.ts";
import { channelLimits, checkClientOptions, type SkytaleClientOptions } from "./client-options.ts";
import { apiOptionsOf, relayOptionsOf } from "./server-options.ts";
import { DEFAULT_TIMEOUT_MS } from "./wait-options.ts";

/**
 * Checks all options of an agent, so that a constructor can reject them before the `Agent` itself is loaded. Returns them with an absolute
 * `dataDir`: the working directory may change before the first call.
 *
 * @throws TypeError naming the option that is unknown, missing or invalid
 */
export function checkAgentOptions(options: SkytaleClientOptions): SkytaleClientOptions {
  checkClientOptions(options);
  if (typeof options.identity !== "string" && !(options.identity instanceof Uint8Array)) {
    throw new TypeError("identity must be a string or a Uint8Array: the name that other members see");
  }
  if (options.identity.length === 0) throw new TypeError("identity must not be empty");
  if (options.dataDir === "" && options.store === undefined) throw new TypeError("dataDir must name a directory");
  channelLimits(options.limits);
  const api = apiOptionsOf(options);
  if (api !== undefined) readApiOptions(api);
  readDurationMs(options, { ms: "timeoutMs" }, DEFAULT_TIMEOUT_MS);
  checkRelayOptions(relayOptionsOf(options));
  return { ...options, ...(options.store === undefined && { dataDir: resolve(options.dataDir) }) };
}
