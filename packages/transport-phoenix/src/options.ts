import { checkHeaders, readDurationMs, rejectUnknownOptions } from "@parley/core/eager";
import type { TlsOptions } from "@parley/core/net";

/** How a {@link PhoenixTransport} reaches its node. */
export interface PhoenixTransportOptions {
  /**
   * The node's WebSocket URL, usually `wss://<node>/plugin_socket/websocket`, which is also the path of a URL without one. Its query is
   * kept and `vsn=2.0.0` added; `https:` and `http:` stand for `wss:` and `ws:`. `localhost` and `*.localhost` are loopback.
   */
  readonly nodeUrl: string;
  /** The API key. It never appears in an error. */
  readonly apiKey: string;
  /**
   * Where the key travels. `"header"` (default): the `x-api-key` header of the upgrade; a node that answers 401 or 403 on the first
   * connect is tried once more with the query, as older nodes expect it. `"query"`: only as `api_key` in the URL, which proxies log.
   */
  readonly credentials?: "header" | "query";
  /** More headers for the upgrade, such as a proxy's. */
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS of `wss:` URLs: a private CA, a client certificate, another server name. */
  readonly tls?: TlsOptions;
  /** Parameters of the join that concern the DID. */
  readonly didSpec?: DidSpecOptions;
  readonly limits?: LimitOptions;
  readonly timeouts?: TimeoutOptions;
  readonly backoff?: ReconnectOptions;
}

/** How the node is to treat the DID of a join. */
export interface DidSpecOptions {
  /** `"Create"` (default) creates a missing DID, `"Require"` fails without it, `"Update"` changes it. */
  readonly mode?: "Create" | "Require" | "Update";
  /** Default: `"persistent"` for a DID that the agent names, `"ephemeral"` for one that the node assigns. */
  readonly storage?: "persistent" | "ephemeral";
}

/** Sizes and counts. Positive integers. */
export interface LimitOptions {
  /** Longest frame that `send` writes, in bytes of UTF-8. Default 1 MiB, the limit of nodes. */
  readonly maxMessageLength?: number;
  /** Longest frame that is read, in bytes. A longer one ends the link with close code 1009. Default 4 MiB. */
  readonly maxFrameLength?: number;
  /** Deliveries that may wait for the consumer. Further ones are reported, and the node redelivers them. Default 10,000. */
  readonly maxQueuedDeliveries?: number;
}

/** Waits in milliseconds. Positive integers. */
export interface TimeoutOptions {
  /** TCP, TLS and the WebSocket upgrade. Default 10,000. */
  readonly handshakeMs?: number;
  /** The node's answer to a join. Default 10,000. */
  readonly joinMs?: number;
  /** The node's answer to a message. Default 15,000. */
  readonly pushMs?: number;
  /** The node's answer to a leave, and its part of the closing handshake. Default 1,000. */
  readonly leaveMs?: number;
  /** Between heartbeats. Default 30,000. */
  readonly heartbeatMs?: number;
  /** How long the node may be silent before the link counts as broken. Default 75,000. */
  readonly silenceMs?: number;
}

/** Delays between reconnect attempts. They double up to the longest one, with jitter over the upper half. */
export interface ReconnectOptions {
  /** Longest first wait in milliseconds. Default 1,000. */
  readonly initialMs?: number;
  /** Longest wait in milliseconds. Default 30,000. */
  readonly maxMs?: number;
  /** Randomness in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** The options with every default filled in. */
export interface Settings {
  readonly limits: Required<LimitOptions>;
  readonly timeouts: Required<TimeoutOptions>;
  readonly backoff: Required<ReconnectOptions>;
  readonly didSpec: DidSpecOptions;
}

const LIMITS: Required<LimitOptions> = { maxMessageLength: 1 << 20, maxFrameLength: 4 << 20, maxQueuedDeliveries: 10_000 };
const TIMEOUTS: Required<TimeoutOptions> = {
  handshakeMs: 10_000,
  joinMs: 10_000,
  pushMs: 15_000,
  leaveMs: 1_000,
  heartbeatMs: 30_000,
  silenceMs: 75_000,
};

const OPTIONS: readonly (keyof PhoenixTransportOptions)[] = [
  "nodeUrl",
  "apiKey",
  "credentials",
  "headers",
  "tls",
  "didSpec",
  "limits",
  "timeouts",
  "backoff",
];
const TLS_OPTIONS: readonly (keyof TlsOptions)[] = ["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized"];
const MODES: readonly unknown[] = [undefined, "Create", "Require", "Update"];
const STORAGES: readonly unknown[] = [undefined, "persistent", "ephemeral"];

/** Checks the options and fills in the defaults. @throws TypeError naming the option that is unknown or wrong. */
export function resolveSettings(options: PhoenixTransportOptions): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError("A PhoenixTransport needs options: { nodeUrl, apiKey }");
  rejectUnknownOptions(options, OPTIONS);
  rejectUnknownOptions(options.tls, TLS_OPTIONS, "tls.");
  rejectUnknownOptions(options.backoff, ["initialMs", "maxMs", "random"], "backoff.");
  const { credentials = "header" } = options;
  if (credentials !== "header" && credentials !== "query") throw new TypeError('credentials must be "header" or "query"');
  checkHeaders(options.apiKey, options.headers);
  const { initialMs = 1_000, maxMs = 30_000, random = Math.random } = options.backoff ?? {};
  const timeouts = positiveIntegers("timeouts", TIMEOUTS, options.timeouts);
  // Also warns of a value that was most likely meant in seconds.
  for (const [name, ms] of Object.entries(timeouts)) readDurationMs({ [name]: ms }, { ms: name }, ms);
  return {
    limits: positiveIntegers("limits", LIMITS, options.limits),
    timeouts,
    backoff: { ...positiveIntegers("backoff", { initialMs, maxMs }, undefined), random },
    didSpec: checkDidSpec(options.didSpec ?? {}),
  };
}

function checkDidSpec(didSpec: DidSpecOptions): DidSpecOptions {
  rejectUnknownOptions(didSpec, ["mode", "storage"], "didSpec.");
  if (!MODES.includes(didSpec.mode)) throw new TypeError('didSpec.mode must be "Create", "Require" or "Update"');
  if (!STORAGES.includes(didSpec.storage)) throw new TypeError('didSpec.storage must be "persistent" or "ephemeral"');
  return didSpec;
}

function positiveIntegers<T extends object>(group: string, defaults: T, given: Partial<T> | undefined): T {
  rejectUnknownOptions(given, Object.keys(defaults), `${group}.`);
  const merged = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof T & string)[]) {
    const value = given?.[name] ?? defaults[name];
    if (!Number.isSafeInteger(value) || Number(value) < 1) throw new TypeError(`${group}.${name} must be a positive integer`);
    merged[name] = value;
  }
  return merged;
}
