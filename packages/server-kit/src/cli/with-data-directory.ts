import { closeAll } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import { ServerStorage } from "../lifecycle/server-storage.ts";

/** Options of {@link withDataDirectory}. */
export interface DataDirectoryOptions<Stores> {
  /** The directory, if the command line names one. */
  readonly dataDir: string | undefined;
  /** Loads the code that opens stores: only after the arguments are checked. */
  readonly load: () => Promise<{ readonly schema: LmdbOptions; open(storage: ServerStorage): Promise<Stores> }>;
  /** Completes the error for a directory that a server uses. */
  readonly remedy: string;
}

/**
 * Opens the stores of a data directory that no server uses, and closes them after their use. Called by commands that manage keys.
 *
 * @throws TypeError without a directory; StorageError `data_dir_locked`, `data_dir_unusable`
 */
export async function withDataDirectory<Stores>(
  { dataDir, load, remedy }: DataDirectoryOptions<Stores>,
  use: (stores: Stores) => Promise<void>,
): Promise<void> {
  if (dataDir === undefined) throw new TypeError("missing option --data-dir <path>: the data directory of the server");
  const [{ checkDataDirectory }, { schema, open }] = await Promise.all([import("@parley/storage-lmdb"), load()]);
  await checkDataDirectory(dataDir, schema);
  const storage = await ServerStorage.open({ dataDir, schema }).catch((error: unknown) => {
    if (!(error instanceof StorageError) || error.code !== "data_dir_locked") throw error;
    throw new StorageError("data_dir_locked", `${error.message}. ${remedy}`, { cause: error });
  });
  await closeAll(
    async () => use(await open(storage)),
    () => storage.close(),
  );
}
