/** The file with the format version and the key check of a store. */
export const STORE_FILE = "store";
const LOG = ".log";
const ROWS = ".rows";
const CUT = ".cut";
const END = ".end";
const UNFINISHED = ".new";
/** The names of a store's files. Other files in the directory are ignored. */
const LOG_NAME = /^([0-9a-f]{64})\.log$/;
const ROWS_NAME = /^([0-9a-f]{64})\.[0-9a-f]{32}\.rows$/;
const CUT_NAME = /^([0-9a-f]{64})\.cut$/;
const END_NAME = /^([0-9a-f]{64})\.end$/;
const UNFINISHED_NAME = /^(?:store|[0-9a-f]{64}\.log)\.new$/;

/** Name of a partition's log. */
export function logName(base: string): string {
  return base + LOG;
}

/** Name of the file of a partition's public rows. */
export function rowsName(base: string, id: Uint8Array): string {
  return `${base}.${Buffer.from(id).toString("hex")}${ROWS}`;
}

/** The empty file that exists if the end of a partition's log was cut off. */
export function cutName(base: string): string {
  return base + CUT;
}

/** The file that records how far a partition's log was flushed. */
export function endName(base: string): string {
  return base + END;
}

/** The temporary name of a file that replaces another one when it is complete. */
export function unfinishedName(name: string): string {
  return name + UNFINISHED;
}

/** The files of a store. Base names identify partitions. */
export interface StoreListing {
  readonly logs: readonly string[];
  /** Files of public rows, by base name. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
  /** Partitions whose log was cut. */
  readonly cuts: readonly string[];
  /** Partitions with a record of how far their log was flushed. */
  readonly ends: readonly string[];
  readonly unfinished: readonly string[];
  readonly hasStoreFile: boolean;
}

export function sortNames(names: readonly string[]): StoreListing {
  const rows = new Map<string, string[]>();
  for (const name of names) {
    const base = ROWS_NAME.exec(name)?.[1];
    if (base !== undefined) rows.set(base, [...(rows.get(base) ?? []), name]);
  }
  return {
    logs: names.flatMap((name) => LOG_NAME.exec(name)?.[1] ?? []),
    rows,
    cuts: names.flatMap((name) => CUT_NAME.exec(name)?.[1] ?? []),
    ends: names.flatMap((name) => END_NAME.exec(name)?.[1] ?? []),
    unfinished: names.filter((name) => UNFINISHED_NAME.test(name)),
    hasStoreFile: names.includes(STORE_FILE),
  };
}
