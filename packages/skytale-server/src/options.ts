import { checkOptions, IS_ANYTHING, IS_BOOLEAN, IS_LOGGER, IS_PORT, IS_TEXT, type OptionCheck } from "@parley/core/internal";
import { IS_TRUST_PROXY, type TrustProxy } from "@parley/server-kit";
import type { Logger } from "pino";
import type { ApiLimits } from "./api/limits.ts";
import type { Retention } from "./log/channel-log.ts";
import type { RelayLimits } from "./relay/relay-limits.ts";

/** Options of {@link startSkytale}. */
export interface SkytaleOptions {
  /** Port of the API server; `0` takes a free one. Default 5100. */
  readonly port?: number;
  /** Port of the relay; `0` takes a free one. Default 5000. */
  readonly relayPort?: number;
  /** Address to bind. Default `127.0.0.1`: reachable from this machine only. */
  readonly host?: string;
  /** Directory for everything that is kept. Without one everything is in memory and lost when the server stops. */
  readonly dataDir?: string;
  /**
   * How accounts are created: `open`: by any client of the API; `closed`: only by the operator, with the command or `createAccount`. A new
   * account has access to nothing of other accounts. Default `open`.
   */
  readonly signup?: "open" | "closed";
  /**
   * The proxies in front of the API, whose `X-Forwarded-For` says where a call comes from: their number, or their addresses and networks.
   * `true` is one. Entries not appended by a trusted proxy are ignored. Default `false`: no proxy.
   */
  readonly trustProxy?: TrustProxy;
  /** Port for `/health` and `/metrics`, which the API's port then doesn't have; `0` takes a free one. Default: the API's port has them. */
  readonly metricsPort?: number;
  /**
   * 32 bytes that encrypt the keys which sign tokens, at rest. Default: the file `server.key` (mode 0600) of the data directory, which the
   * first start creates. Keep a copy apart from the data: with both, tokens can be made for every account.
   */
  readonly serverKey?: Uint8Array;
  /** PEM files for TLS on both ports. Omitted: plaintext, for use on this machine or behind a TLS proxy. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /**
   * The clock is right, however far it is ahead of the time at which the server last ran. Otherwise the server goes by the old time for an
   * hour before anything expires by the new one. Default `false`.
   */
  readonly acceptClock?: boolean;
  /**
   * Runs the API in a process of its own, so that calls of the API don't delay the relay: HTTP, TLS, JSON and tokens are dealt with there,
   * records and relay stay in this process. A second core is needed to gain from it. Default `false`.
   */
  readonly workers?: boolean;
  /** How much of a channel's log is kept. */
  readonly retention?: Partial<Retention>;
  /** Caps and times. Every one has a default that suits one machine. */
  readonly limits?: {
    readonly api?: Partial<ApiLimits>;
    readonly relay?: Partial<RelayLimits>;
  };
  /** Where to log: a pino logger, or `false` for nowhere. Default: warnings to standard error. */
  readonly logger?: Logger | false;
}

const IS_SIGNUP: OptionCheck = { expected: '"open" or "closed"', is: (value) => value === "open" || value === "closed", isPublic: true };

const IS_SERVER_KEY: OptionCheck = {
  expected: "a Uint8Array of 32 bytes",
  is: (value) => value instanceof Uint8Array && value.length === 32,
};

const OPTIONS: Readonly<Record<keyof SkytaleOptions, OptionCheck>> = {
  port: IS_PORT,
  relayPort: IS_PORT,
  host: IS_TEXT,
  dataDir: IS_TEXT,
  signup: IS_SIGNUP,
  trustProxy: IS_TRUST_PROXY,
  metricsPort: IS_PORT,
  serverKey: IS_SERVER_KEY,
  acceptClock: IS_BOOLEAN,
  workers: IS_BOOLEAN,
  // These are checked below, or where they are read.
  tls: IS_ANYTHING,
  retention: IS_ANYTHING,
  limits: IS_ANYTHING,
  logger: IS_LOGGER,
};

/** Rejects unknown options and values of the wrong kind, before anything is read or written. @throws TypeError naming the option. */
export function checkServerOptions(options: SkytaleOptions): void {
  checkOptions<SkytaleOptions>(options, OPTIONS);
  checkOptions<NonNullable<SkytaleOptions["limits"]>>(options.limits, { api: IS_ANYTHING, relay: IS_ANYTHING }, "limits.");
  const { tls } = options;
  checkOptions<NonNullable<SkytaleOptions["tls"]>>(tls, { certFile: IS_TEXT, keyFile: IS_TEXT }, "tls.");
  if (tls !== undefined && (tls.certFile === undefined || tls.keyFile === undefined)) {
    throw new TypeError('Option "tls" needs both certFile and keyFile');
  }
}
