import type { Telemetry } from "@parley/core";
import {
  type AdminHub,
  adminOptions,
  choice,
  logger,
  NATS_OPTIONS,
  type NatsOptions,
  options,
  type OptionSchema,
  port,
  secretKey,
  telemetry,
  text,
  trueOrFalse,
  trustedProxies,
  type TrustProxy,
} from "@parley/server-kit";
import type { Logger } from "pino";
import { API_LIMITS, type ApiLimits } from "./api/limits.ts";
import type { Retention } from "./log/channel-log.ts";
import { RETENTION } from "./log/retention.ts";
import { RELAY_LIMITS, type RelayLimits } from "./relay/relay-limits.ts";

/** Options of {@link startSkytale}. Those of NATS are for servers that share their data. */
export interface SkytaleOptions extends NatsOptions {
  /** Port of the API; `0` takes a free one. Default 5100. */
  readonly port?: number;
  /** Port of the relay; `0` takes a free one. Default 5000. */
  readonly relayPort?: number;
  /** Address to bind. Default `127.0.0.1`: reachable from this machine only. */
  readonly host?: string;
  /** Directory of all data; without it and `nats`, all data is kept in memory and lost when the server stops. */
  readonly dataDir?: string;
  /**
   * Who creates accounts, `open` or `closed`: every client of the API, or only the operator, with the command or `createAccount`. A new account
   * has access to nothing of other accounts. Default `open`.
   */
  readonly signup?: "open" | "closed";
  /**
   * The proxies in front of the API, which append their client's address to `X-Forwarded-For`: their number, one behind the other, or a list
   * of their addresses and networks, such as `["10.0.0.0/8"]`. `true` is one proxy. Entries not appended by a trusted proxy are ignored.
   * A list is also for proxies in front of the relay, a number is not. Default: none.
   */
  readonly trustProxy?: TrustProxy;
  /** Separate port for `/health`, `/ready` and `/metrics`; `0` takes a free one. Default: they are on `port` and public. */
  readonly metricsPort?: number;
  /**
   * 32 random bytes that encrypt the keys which sign tokens, at rest. Keep a copy apart from the data: anyone with both can create tokens for
   * every account. Servers that share their data (`nats`) need the same key. Default: the file `server.key` (mode 0600) of the data directory, created by the first start.
   */
  readonly serverKey?: Uint8Array;
  /** PEM files of the certificate chain and its private key, for TLS on both ports. Default: plaintext, for this machine or a proxy with TLS. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /**
   * Trusts the clock however far it is ahead of the last run. Otherwise, after a jump, data expires by the old time for an hour. Default
   * `false`.
   */
  readonly acceptClock?: boolean;
  /**
   * Runs the API in a process of its own, so that its calls don't delay the relay: HTTP, TLS, JSON and tokens are processed there, records and
   * relay stay in this process. Needs a second core. Default `false`.
   */
  readonly workers?: boolean;
  /** How much of a channel's log is kept. */
  readonly retention?: Partial<Retention>;
  /** Limits of the API and of the relay. */
  readonly limits?: {
    readonly api?: Partial<ApiLimits>;
    readonly relay?: Partial<RelayLimits>;
  };
  /** Port of the admin console; `0` takes a free one. Default: no console. */
  readonly adminPort?: number;
  /** Address to bind for the console. Default `127.0.0.1`: reachable from this machine only. */
  readonly adminHost?: string;
  /** What opens the console: at least 16 letters and digits, unguessable. Default: created at each start, and printed in `adminUrl`. */
  readonly adminToken?: string;
  /** Whether the console may change something, such as revoke an API key. Default `false`. */
  readonly adminActions?: boolean;
  /** Has no effect: this server cannot read messages. Default `false`. */
  readonly adminBodies?: boolean;
  /** Directory in which agents on this machine announce their lenses (`SKYTALE_LENS`): the console then shows what they know of channels and bridges. */
  readonly adminLenses?: string;
  /** An admin server of `@parley/admin` that shows this server beside others, instead of a console of its own. */
  readonly admin?: AdminHub;
  /**
   * Receives spans of what the relay records, such as `otel()` of `@parley/otel`. They have channels, numbers and sizes, and nothing that leads to the
   * traces of agents. Default: none.
   */
  readonly telemetry?: Telemetry;
  /** A pino logger, or `false` to log nothing. Default: warnings to standard error. */
  readonly logger?: Logger | false;
}

/** The options with their defaults. */
export interface ReadSkytaleOptions extends SkytaleOptions {
  readonly port: number;
  readonly relayPort: number;
  readonly host: string;
  readonly signup: "open" | "closed";
  readonly retention: Retention;
  readonly limits: { readonly api: ApiLimits; readonly relay: RelayLimits };
}

/** The schema of {@link SkytaleOptions}: checks, defaults, and the flags of the command. */
export const SKYTALE_OPTIONS: OptionSchema<ReadSkytaleOptions> = options<ReadSkytaleOptions>({
  port: port().default(5100),
  relayPort: port().default(5000),
  host: text({ flag: "<address>" }).default("127.0.0.1"),
  dataDir: text({ flag: "<path>" }).optional(),
  ...NATS_OPTIONS,
  signup: choice("open", "closed", { flag: "<mode>" }).default("open"),
  trustProxy: trustedProxies().optional(),
  metricsPort: port().optional(),
  serverKey: secretKey().optional(),
  tls: options<NonNullable<SkytaleOptions["tls"]>>({ certFile: text(), keyFile: text() }).optional(),
  acceptClock: trueOrFalse({ flag: "", inConfig: false }).optional(),
  workers: trueOrFalse({ flag: "" }).optional(),
  retention: RETENTION.prefault({}),
  limits: options<ReadSkytaleOptions["limits"]>({ api: API_LIMITS.prefault({}), relay: RELAY_LIMITS.prefault({}) }).prefault({}),
  ...adminOptions(),
  telemetry: telemetry().optional(),
  logger: logger().optional(),
});
