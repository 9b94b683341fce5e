import { Authentication } from "@parley/server-kit/http";
import type { ApiKey, ApiKeys } from "../../identity/api-keys.ts";
import { RequestRejection } from "./error-response.ts";

/** Creates the authentication of REST requests by the header `x-api-key`. Rejects with {@link RequestRejection} 401 and 429. */
export function createAuthentication(apiKeys: ApiKeys, requestsPerSecond: number, servers?: () => number): Authentication<ApiKey> {
  const unauthorized = (): Error => new RequestRejection(401, "unauthorized", "the header x-api-key is missing, or holds an unknown key");
  return new Authentication<ApiKey>({
    identify: ({ headers: { "x-api-key": presented } }) => {
      const apiKey = typeof presented === "string" ? apiKeys.find(presented) : undefined;
      if (apiKey === undefined) throw unauthorized();
      return apiKey;
    },
    ownerOf: ({ id }) => id,
    requestsPerSecond,
    servers,
    rateLimited: () => new RequestRejection(429, "rate_limited", `an API key may make ${requestsPerSecond} requests a second`),
    unauthorized,
  });
}
