import type { RelayClientOptions, TokenProvider } from "@parley/skytale-relay";
import type { ApiOptions } from "./api/api-options.ts";
import type { SkytaleClientOptions } from "./client-options.ts";
import { AuthError } from "./errors.ts";

/** The options of the API server's client; `undefined` without an API key. @throws TypeError */
export function apiOptionsOf({ apiKey, apiUrl }: SkytaleClientOptions): ApiOptions | undefined {
  if (apiKey === undefined) return undefined;
  if (apiUrl === undefined)
    throw new TypeError("apiUrl is missing: set it to the URL of the API server that issued apiKey, such as https://api.skytale.sh");
  return { apiKey, apiUrl };
}

/** The options of the relay's client. @param fromApi gets tokens from the API server, for agents without a token provider of their own. */
export function relayOptionsOf(
  { endpoint, transport, ca, token, relayLimits }: SkytaleClientOptions,
  fromApi: TokenProvider = rejectMissingKey,
): RelayClientOptions {
  return {
    ...(transport === undefined ? { url: endpoint } : { transport }),
    ...(ca !== undefined && { ca }),
    ...(relayLimits !== undefined && { limits: relayLimits }),
    token: token ?? fromApi,
  };
}

function rejectMissingKey(): never {
  throw new AuthError(
    "api_key_required",
    "this client has no apiKey, which it needs to get a token for the relay: set apiKey and apiUrl, or SKYTALE_API_KEY and SKYTALE_API_URL",
  );
}
