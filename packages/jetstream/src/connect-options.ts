import { checkOptions, IS_POSITIVE, IS_TEXT, type OptionCheck } from "@parley/core/internal";

/** How to reach NATS, and how streams are stored. */
export interface JetstreamOptions {
  /** Addresses, such as `nats://n1:4222`. Others of the same cluster are learned from them. */
  readonly servers: readonly string[];
  /** Begins the names of all streams and subjects: 1 to 16 characters of `a-z 0-9`. Servers with the same prefix share everything. */
  readonly prefix: string;
  /** How many NATS servers store each message. Default 1. */
  readonly replicas?: 1 | 3 | 5 | undefined;
  /** This connection's name in NATS's monitoring. */
  readonly name?: string | undefined;
  /** File with the credentials of a NATS user. */
  readonly credsFile?: string | undefined;
  /** TLS: files in PEM. Default: TLS if the server requires it, with the system's authorities. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  /** Milliseconds that a call waits for a leader or a connection before it is rejected. Default 20,000. */
  readonly patienceMs?: number | undefined;
  /** Bytes of the largest message that NATS must accept (`max_payload`). Default 2 MiB. */
  readonly minPayload?: number | undefined;
}

const IS_SERVERS: OptionCheck = {
  expected: "a list of addresses that is not empty",
  is: (value) => Array.isArray(value) && value.length > 0 && value.every((one) => IS_TEXT.is(one)),
};
const IS_PREFIX: OptionCheck = {
  expected: "1 to 16 characters of a-z 0-9",
  is: (value) => typeof value === "string" && /^[a-z0-9]{1,16}$/.test(value),
  isPublic: true,
};
const IS_REPLICAS: OptionCheck = { expected: "1, 3 or 5", is: (value) => value === 1 || value === 3 || value === 5 };
const IS_TLS: OptionCheck = { expected: "an object", is: (value) => typeof value === "object" && value !== null };

/** @throws TypeError naming the option, what it must be, and what it is. */
export function checkConnectOptions(options: JetstreamOptions): void {
  checkOptions<JetstreamOptions>(options, {
    servers: IS_SERVERS,
    prefix: IS_PREFIX,
    replicas: IS_REPLICAS,
    name: IS_TEXT,
    credsFile: IS_TEXT,
    tls: IS_TLS,
    patienceMs: IS_POSITIVE,
    minPayload: IS_POSITIVE,
  });
  for (const name of ["servers", "prefix"] as const) {
    if (options[name] === undefined) throw new TypeError(`Option "${name}" is missing`);
  }
}
