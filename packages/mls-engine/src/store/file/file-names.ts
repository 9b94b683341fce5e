/** Name of the file that says what a store is. */
export const STORE_FILE = "store";
const LOG = ".log";
const ROWS = ".rows";
const CUT = ".cut";
const END = ".end";
const UNFINISHED = ".new";
/** Names that a store gives. Whatever else is in its directory is not its own. */
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

/** Name of the empty file that says that a partition's log has lost its end. */
export function cutName(base: string): string {
  return base + CUT;
}

/** Name of the file that says how far a partition's log was flushed. */
export function endName(base: string): string {
  return base + END;
}

/** Name of a file that is to replace another one when it is complete. */
export function unfinishedName(name: string): string {
  return name + UNFINISHED;
}

/** What a directory holds of a store. */
export interface StoreListing {
  /** What the names of partitions' files start with. */
  readonly logs: readonly string[];
  /** Files of public rows, by what their names start with. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
  /** Partitions whose logs have lost their end, by what their names start with. */
  readonly cuts: readonly string[];
  /** Partitions with a note of how far their logs were flushed, by what their names start with. */
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
