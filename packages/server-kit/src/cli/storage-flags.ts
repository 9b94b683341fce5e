import { NATS_OPTIONS, type NatsOptions, type NatsRequirements, type NatsSettings, readNatsOptions } from "../options/nats-options.ts";
import { options } from "../options/option.ts";
import { readOptions } from "../options/read-options.ts";
import { flagOptions, readFlags } from "./server-program.ts";

/** Where the records of a server are. */
export type StoragePlace =
  | { readonly dataDir: string; readonly nats?: undefined }
  | { readonly nats: NatsSettings; readonly dataDir?: undefined };

type TextFlag = { readonly type: "string" };

const NATS = options<NatsOptions>(NATS_OPTIONS);

/** The flags of commands that work on a data directory, or on the records that servers share on NATS. */
export const STORAGE_FLAGS: Readonly<Record<"data-dir" | "nats" | "nats-creds" | "nats-replicas" | "nats-prefix", TextFlag>> = {
  "data-dir": { type: "string" },
  ...(flagOptions(NATS) as Readonly<Record<"nats" | "nats-creds" | "nats-replicas" | "nats-prefix", TextFlag>>),
};

/**
 * Reads the values of {@link STORAGE_FLAGS}.
 *
 * @param requirements of the records on NATS.
 * @throws TypeError if neither or both places are given, or a secret key is missing.
 */
export function readStoragePlace(values: object, requirements: NatsRequirements): StoragePlace {
  const { "data-dir": dataDir, ...flags } = values as Readonly<Record<string, string | undefined>>;
  const given = readOptions(NATS, readFlags(NATS, flags));
  const nats = readNatsOptions({ ...given, ...(dataDir !== undefined && { dataDir }) }, requirements);
  if (nats !== undefined) return { nats };
  if (dataDir !== undefined) return { dataDir };
  throw new TypeError(
    "missing option --data-dir <path>, the data directory of the server, or --nats <url>,… for servers that share their data",
  );
}
