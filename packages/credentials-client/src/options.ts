import { validateHeaderName, validateHeaderValue } from "node:http";
import type { ConnectionOptions } from "node:tls";

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

/** The TLS options of Node that make sense for one host. */
export type CredentialsTlsOptions = Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase" | "servername" | "rejectUnauthorized">;

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

/** Checks the options and fills in the defaults. @throws TypeError naming the option. */
export function readSettings(options: CredentialsClientOptions): Settings {
  checkHeaders(options);
  const { timeoutMs = 15_000, maxConnections = 8, retry = {}, limits = {} } = options;
  const { maxRetries = 2, initialMs = 250, maxMs = 5_000 } = retry;
  const { maxResponseBytes = 4 << 20, maxCredentials = 10_000, maxListLength = 64 << 20 } = limits;
  return {
    timeoutMs: atLeast(1, "timeoutMs", timeoutMs),
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
