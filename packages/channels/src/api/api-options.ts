import { checkHeaders } from "@parley/core/internal";
import type { TlsOptions } from "@parley/core/net";
import { readApiUrl, type ApiEndpoint } from "./api-endpoint.ts";

/** Options of the connection to an API server. */
export interface ApiOptions {
  /** Origin of the API server: `https://api.skytale.sh`. `localhost` and its subdomains resolve to the loopback address, without DNS. */
  readonly apiUrl: string;
  /** The API key, `sk_live_…` or `sk_test_…`. Errors never contain it. */
  readonly apiKey: string;
  /** Timeout of one attempt, up to the last byte of the response, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** Number of retries if the server is unreachable or overloaded. Default 2. */
  readonly maxRetries?: number;
  /** TLS of https: a private CA, a client certificate, another server name. */
  readonly tls?: TlsOptions;
}

/** {@link ApiOptions} with their defaults. */
export interface ApiSettings {
  readonly apiKey: string;
  readonly endpoint: ApiEndpoint;
  readonly timeoutMs: number;
  readonly maxRetries: number;
}

/** Checks options, and fills in the defaults. @throws TypeError */
export function readApiOptions({ apiUrl, apiKey: given, timeoutMs = 15_000, maxRetries = 2 }: ApiOptions): ApiSettings {
  // A key read from a file ends with a newline.
  const apiKey = typeof given === "string" ? given.trim() : given;
  checkHeaders(apiKey);
  if (!(timeoutMs > 0)) throw new TypeError("timeoutMs must be greater than 0");
  if (!Number.isInteger(maxRetries) || maxRetries < 0) throw new TypeError("maxRetries must be an integer of at least 0");
  return { apiKey, endpoint: readApiUrl(apiUrl), timeoutMs, maxRetries };
}
