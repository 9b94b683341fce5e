import { hostname } from "node:os";
import { IS_TEXT, type OptionCheck } from "@parley/core/internal";
import { option, options, type OptionShape, text } from "./option.ts";

/** Options of a server that shares its data with others, in NATS JetStream. Both servers have them. */
export interface NatsOptions {
  /**
   * Addresses of NATS servers with JetStream, such as `["nats://n1:4222", "nats://n2:4222"]`. Servers with the same `natsPrefix` there share
   * all data, and clients may be connected to any of them. Needs the package `@parley/jetstream`; excludes `dataDir`. Default: this server
   * has its data for itself.
   */
  readonly nats?: readonly string[];
  /** File with the credentials of a NATS user. Default: none. */
  readonly natsCreds?: string;
  /** How many NATS servers store each message: 1, 3 or 5. The first start fixes it. Default 1. */
  readonly natsReplicas?: 1 | 3 | 5;
  /**
   * Begins the names of all streams and subjects: 1 to 16 characters of `a-z 0-9`. Separates deployments on the same NATS servers. Default:
   * `ps` for skytale-server, `pn` for layr8-node.
   */
  readonly natsPrefix?: string;
  /** PEM files for TLS to NATS. Default: the authorities of Node, if the NATS server requires TLS. */
  readonly natsTls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** The name of this server among those that share the data: in logs, in `cluster status`, and in NATS's monitoring. Default: host name and process id. */
  readonly nodeName?: string;
}

/** How to connect to NATS: what `JetstreamConnection.connect` of `@parley/jetstream` takes. */
export interface NatsSettings {
  readonly servers: readonly string[];
  readonly prefix: string;
  readonly replicas: 1 | 3 | 5;
  readonly name: string;
  readonly credsFile?: string | undefined;
  readonly tls?: NonNullable<NatsOptions["natsTls"]> | undefined;
}

/** What {@link readNatsOptions} checks in addition. */
export interface NatsRequirements {
  /** The prefix if none is given. */
  readonly prefix: string;
  /** The key that encrypts secrets at rest, and how to give it. All servers need the same. Absent: no secret is read or written. */
  readonly secretKey?: { readonly given: Uint8Array | undefined; readonly option: string; readonly variable: string };
}

const ADDRESS = /^(?:(?:nats|tls):\/\/)?(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const IS_ADDRESSES: OptionCheck = {
  expected: 'a list of addresses without user names and passwords, such as ["nats://n1:4222"]',
  is: (value) => Array.isArray(value) && value.length > 0 && value.every((address) => typeof address === "string" && ADDRESS.test(address)),
};
const IS_REPLICAS: OptionCheck = { expected: "1, 3 or 5", is: (value) => value === 1 || value === 3 || value === 5 };
const IS_PREFIX: OptionCheck = {
  expected: "1 to 16 characters of a-z 0-9",
  is: (value) => typeof value === "string" && /^[a-z0-9]{1,16}$/.test(value),
  isPublic: true,
};
const IS_NAME: OptionCheck = {
  expected: "1 to 64 characters of A-Z a-z 0-9 . - _",
  is: (value) => typeof value === "string" && /^[\w.-]{1,64}$/.test(value),
  isPublic: true,
};

/** The schemas of {@link NatsOptions}, to be spread into the schema of a server. */
export const NATS_OPTIONS: OptionShape<NatsOptions> = {
  nats: option<readonly string[]>(IS_ADDRESSES, { flag: "<url>,…", read: readAddresses }).optional(),
  natsCreds: option<string>(IS_TEXT, { flag: "<file>" }).optional(),
  natsReplicas: option<1 | 3 | 5>(IS_REPLICAS, { flag: "<n>", read: readReplicas }).default(1),
  natsPrefix: option<string>(IS_PREFIX, { flag: "<text>" }).optional(),
  natsTls: options<NonNullable<NatsOptions["natsTls"]>>({
    caFile: text().optional(),
    certFile: text().optional(),
    keyFile: text().optional(),
  }).optional(),
  nodeName: option<string>(IS_NAME, { flag: "<name>" }).optional(),
};

/**
 * Checks the options of NATS together. Called by a server before anything is read or written.
 *
 * @returns `undefined` if the server has its data for itself.
 * @throws TypeError naming the option.
 */
export function readNatsOptions(
  { nats, natsCreds, natsReplicas = 1, natsPrefix, natsTls, nodeName, dataDir }: NatsOptions & { readonly dataDir?: string },
  { prefix, secretKey }: NatsRequirements,
): NatsSettings | undefined {
  if (nats === undefined) {
    const [stray] = Object.entries({ natsCreds, natsPrefix, natsTls, nodeName }).flatMap(([name, value]) =>
      value === undefined ? [] : name,
    );
    if (stray !== undefined) throw new TypeError(`Option "${stray}" needs the option "nats" (--nats): the addresses of NATS servers`);
    return undefined;
  }
  if (dataDir !== undefined) throw new TypeError('Option "dataDir" excludes the option "nats": give one of them, all data is there');
  if (secretKey !== undefined && secretKey.given === undefined)
    throw new TypeError(
      `Option "nats" needs the option "${secretKey.option}" (${secretKey.variable}): 32 random bytes, the same on all servers that share the data`,
    );
  return {
    servers: nats,
    prefix: natsPrefix ?? prefix,
    replicas: natsReplicas,
    name: nodeName ?? `${hostname()}-${process.pid}`,
    credsFile: natsCreds,
    tls: natsTls,
  };
}

/** What an acknowledgement of a server means, for its log and documents. */
export function describeDurability(dataDir: string | undefined, nats: NatsSettings | undefined): string {
  if (nats === undefined) return dataDir === undefined ? "in the memory of this process" : "flushed to disk (fsync)";
  const { replicas } = nats;
  const stored = replicas === 1 ? "written by one NATS server" : `written by ${(replicas + 1) / 2} of ${replicas} NATS servers`;
  return `${stored}, to the page cache; flushed to disk (fsync) only if their configuration has "sync_interval: always"`;
}

function readAddresses(flag: string, given: string): readonly string[] {
  const addresses = given.split(",").map((address) => address.trim());
  if (!IS_ADDRESSES.is(addresses))
    throw new TypeError(`${flag} must be addresses such as nats://n1:4222,nats://n2:4222, without user names`);
  return addresses;
}

function readReplicas(flag: string, given: string): number {
  if (!IS_REPLICAS.is(Number(given))) throw new TypeError(`${flag} must be 1, 3 or 5`);
  return Number(given);
}
