import { checkOptions, IS_ANYTHING, IS_BOOLEAN, IS_LOGGER, IS_PORT, IS_TEXT, type OptionCheck } from "@parley/core/internal";
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
   * Who makes accounts: `open`: anybody who reaches the API; `closed`: only the operator, with the command or `createAccount`. An account
   * alone sees nothing of anybody else. Default `open`.
   */
  readonly signup?: "open" | "closed";
  /** Whether the API server stands behind a proxy, whose `x-forwarded-for` says where a call comes from. Default `false`. */
  readonly trustProxy?: boolean;
  /** PEM files for TLS on both ports. Without them there is none: for this machine, or behind a proxy. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /**
   * The clock is right, however far it is ahead of the time at which the server last ran. Otherwise the server goes by the old time for an
   * hour before anything expires by the new one. Default `false`.
   */
  readonly acceptClock?: boolean;
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

const IS_SIGNUP: OptionCheck = { expected: '"open" or "closed"', is: (value) => value === "open" || value === "closed" };

const OPTIONS: Readonly<Record<keyof SkytaleOptions, OptionCheck>> = {
  port: IS_PORT,
  relayPort: IS_PORT,
  host: IS_TEXT,
  dataDir: IS_TEXT,
  signup: IS_SIGNUP,
  trustProxy: IS_BOOLEAN,
  acceptClock: IS_BOOLEAN,
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
