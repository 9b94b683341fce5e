import { validateHeaderName, validateHeaderValue } from "node:http";
import { readDurationMs, rejectUnknownOptions } from "@parley/core/internal";

/** How a {@link CredentialsClient} reaches its node. */
export interface CredentialsClientOptions {
  /**
   * The node's WebSocket URL or its http origin: `wss://node.example/plugin_socket/websocket` and `https://node.example` are the same node.
   * A path before `/plugin_socket/websocket` is kept, a query is not. `localhost` and names below it are loopback, whatever DNS says.
   */
  readonly nodeUrl: string;
  /** The key that the node knows this agent's owner by. It travels in the `x-api-key` header, and never shows up in an error. */
  readonly apiKey: string;
  /** The DID to act for where a call names none; a function is asked at each such call, and may answer `undefined`. */
  readonly did?: string | (() => string | undefined);
  /** Longest time for one request, from the call to the last byte of the answer, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** Connections to the node; further requests wait for one. Default 8. */
  readonly maxConnections?: number;
  /** More headers for each request, such as a proxy's. */
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS of https: a private CA, a client certificate, another server name. */
  readonly tls?: CredentialsTlsOptions;
  /** When reads (list and get) are tried again. Nothing else ever is. */
  readonly retry?: RetryOptions;
  readonly limits?: CredentialsLimits;
}

/** The TLS options of Node (`tls.connect`) that make sense for one host. */
export interface CredentialsTlsOptions {
  /** Authorities to trust instead of Node's own, in PEM. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** The client's certificate, in PEM. */
  readonly cert?: string | Uint8Array;
  /** The key of the client's certificate, in PEM. */
  readonly key?: string | Uint8Array;
  /** What the key is encrypted with. */
  readonly passphrase?: string;
  /** Name that the node's certificate must have, instead of the host's. */
  readonly servername?: string;
  /** `false` accepts any certificate: for tests alone. */
  readonly rejectUnauthorized?: boolean;
}

/** Tries after the first, of reads that met a network error or status 429, 502, 503 or 504. Waits double, with jitter. */
export interface RetryOptions {
  /** Tries after the first. Default 2; 0 for none. */
  readonly maxRetries?: number;
  /** Longest first wait in milliseconds. Default 250. */
  readonly initialMs?: number;
  /** Longest wait in milliseconds, also where the node asks for a longer one. Default 5,000. */
  readonly maxMs?: number;
}

/** Sizes and counts. */
export interface CredentialsLimits {
  /** Bytes of one answer. Default 4 MiB. */
  readonly maxResponseBytes?: number;
  /** Credentials of one listing, over all its pages. Default 10,000. */
  readonly maxCredentials?: number;
  /** Characters of all credentials of one listing. Default 64 Mi. */
  readonly maxListLength?: number;
}

/** The options that have defaults, with those filled in. */
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
  "timeoutMs",
  "maxConnections",
  "headers",
  "tls",
  "retry",
  "limits",
];
const TLS_OPTIONS: readonly (keyof CredentialsTlsOptions)[] = ["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized"];

/** Checks the options and fills in the defaults. @throws TypeError naming the option that is unknown or wrong. */
export function readSettings(options: CredentialsClientOptions): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError("A CredentialsClient needs options: { nodeUrl, apiKey }");
  rejectUnknownOptions(options, OPTIONS);
  rejectUnknownOptions(options.tls, TLS_OPTIONS, "tls.");
  rejectUnknownOptions(options.retry, ["maxRetries", "initialMs", "maxMs"], "retry.");
  rejectUnknownOptions(options.limits, ["maxResponseBytes", "maxCredentials", "maxListLength"], "limits.");
  checkHeaders(options);
  const { timeoutMs = 15_000, maxConnections = 8, retry = {}, limits = {} } = options;
  const { maxRetries = 2, initialMs = 250, maxMs = 5_000 } = retry;
  const { maxResponseBytes = 4 << 20, maxCredentials = 10_000, maxListLength = 64 << 20 } = limits;
  return {
    // Also warns of a value that was most likely meant in seconds.
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

/** Timers take no more than this, and fire at once beyond. */
const MAX_TIMER = 2 ** 31 - 1;

function atLeast(least: number, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= MAX_TIMER) return value;
  throw new TypeError(`${name} must be an integer from ${least} to ${MAX_TIMER}`);
}

function checkHeaders({ apiKey, headers = {} }: CredentialsClientOptions): void {
  if (typeof apiKey !== "string" || apiKey === "") throw new TypeError("apiKey must be a string that is not empty");
  try {
    validateHeaderValue("x-api-key", apiKey);
  } catch {
    throw new TypeError("apiKey has characters that a header can't carry"); // Node's own error has the value in it.
  }
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}
