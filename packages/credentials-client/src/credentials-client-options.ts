import { checkHeaders, readDurationMs, rejectUnknownOptions } from "@parley/core/eager";
import type { TlsOptions } from "@parley/core/net";
import type { SigningKey } from "@parley/vc";

/** Options of {@link CredentialsClient}. */
export interface CredentialsClientOptions {
  /**
   * The node's WebSocket URL or its http origin: `wss://node.example/plugin_socket/websocket` and `https://node.example` are the same node.
   * A path before `/plugin_socket/websocket` is kept, a query is dropped. `localhost` and its subdomains resolve to loopback without DNS.
   */
  readonly nodeUrl: string;
  /** The API key, sent in the `x-api-key` header. Errors never contain it. */
  readonly apiKey: string;
  /** The default DID of calls that name none. A function is called for each such call and may return `undefined`. */
  readonly did?: string | (() => string | undefined);
  /**
   * The key of a DID that the program holds itself: with it, `signCredential` and `signPresentation` sign here. Called for each of their calls; with `undefined`,
   * the node signs. Default: the node holds all keys.
   */
  readonly signingKey?: (did: string) => Promise<SigningKey | undefined>;
  /** Timeout of one request, from the call to the last byte of the response, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** Connections to the node; further requests wait for one. Default 8. */
  readonly maxConnections?: number;
  /** Additional headers of each request, for example for a proxy. */
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS options for https: a private CA, a client certificate, another server name. */
  readonly tls?: TlsOptions;
  /** Retries of reads (list and get). Other calls are never retried. */
  readonly retry?: RetryOptions;
  readonly limits?: CredentialsLimits;
}

/** Retries of reads after a network error or status 429, 502, 503 or 504. Delays double, with jitter. */
export interface RetryOptions {
  /** Attempts after the first. Default 2; 0 for none. */
  readonly maxRetries?: number;
  /** Longest first delay in milliseconds. Default 250. */
  readonly initialMs?: number;
  /** Longest delay in milliseconds, even if the node asks for a longer one. Default 5,000. */
  readonly maxMs?: number;
}

/** Limits on sizes and counts. */
export interface CredentialsLimits {
  /** Bytes of one response. Default 4 MiB. */
  readonly maxResponseBytes?: number;
  /** Credentials of one listing, over all its pages. Default 10,000. */
  readonly maxCredentials?: number;
  /** Characters of all credentials of one listing. Default 64 Mi. */
  readonly maxListLength?: number;
}

/** The options that have defaults, with the defaults applied. */
export interface Settings {
  readonly timeoutMs: number;
  readonly maxConnections: number;
  readonly retry: Required<RetryOptions>;
  readonly limits: Required<CredentialsLimits>;
}

const OPTIONS: readonly (keyof CredentialsClientOptions)[] = [
  "nodeUrl",
  "apiKey",
  "did",
  "signingKey",
  "timeoutMs",
  "maxConnections",
  "headers",
  "tls",
  "retry",
  "limits",
];
const TLS_OPTIONS: readonly (keyof TlsOptions)[] = ["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized"];

/** Checks the options and applies the defaults. @throws TypeError naming the option that is unknown or wrong. */
export function readSettings(options: CredentialsClientOptions): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError("A CredentialsClient needs options: { nodeUrl, apiKey }");
  rejectUnknownOptions(options, OPTIONS);
  rejectUnknownOptions(options.tls, TLS_OPTIONS, "tls.");
  rejectUnknownOptions(options.retry, ["maxRetries", "initialMs", "maxMs"], "retry.");
  rejectUnknownOptions(options.limits, ["maxResponseBytes", "maxCredentials", "maxListLength"], "limits.");
  checkHeaders(options.apiKey, options.headers);
  if (options.signingKey !== undefined && typeof options.signingKey !== "function") throw new TypeError("signingKey must be a function");
  const { timeoutMs = 15_000, maxConnections = 8, retry = {}, limits = {} } = options;
  const { maxRetries = 2, initialMs = 250, maxMs = 5_000 } = retry;
  const { maxResponseBytes = 4 << 20, maxCredentials = 10_000, maxListLength = 64 << 20 } = limits;
  return {
    // Also warns about a value that was probably meant in seconds.
    timeoutMs: readDurationMs({ timeoutMs: atLeast(1, "timeoutMs", timeoutMs) }, { ms: "timeoutMs" }, timeoutMs),
    maxConnections: atLeast(1, "maxConnections", maxConnections),
    retry: {
      maxRetries: atLeast(0, "retry.maxRetries", maxRetries),
      initialMs: atLeast(1, "retry.initialMs", initialMs),
      maxMs: atLeast(1, "retry.maxMs", maxMs),
    },
    limits: {
      maxResponseBytes: atLeast(1, "limits.maxResponseBytes", maxResponseBytes),
      maxCredentials: atLeast(1, "limits.maxCredentials", maxCredentials),
      maxListLength: atLeast(1, "limits.maxListLength", maxListLength),
    },
  };
}

/** Longest delay of a timer; a longer one would fire immediately. */
const MAX_TIMER = 2 ** 31 - 1;

function atLeast(least: number, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= MAX_TIMER) return value;
  throw new TypeError(`${name} must be an integer from ${least} to ${MAX_TIMER}`);
}
