import { readdir } from "node:fs/promises";
import { StorageError } from "@parley/storage";
import { checkDirectoryKind } from "@parley/storage/directory-lock";
import type { LmdbOptions } from "./lmdb-environment.ts";

/**
 * Called by commands that work on a server's data directory, before they open it: accepts a data directory and an empty one. Opening any other
 * directory, as after a typing error, would create a database in it.
 *
 * @throws StorageError `data_dir_unusable`
 */
export async function checkDataDirectory(directory: string, { name }: Pick<LmdbOptions, "name">): Promise<void> {
  const file = `${name}.mdb`;
  const names = await readdir(directory).catch((error: unknown) => {
    throw new StorageError("data_dir_unusable", `${directory} is not a data directory: ${reasonOf(error)}`, { cause: error });
  });
  try {
    checkDirectoryKind(directory, names, file);
  } catch (error) {
    throw new StorageError("data_dir_unusable", (error as Error).message, { cause: error });
  }
  if (names.length > 0 && !names.includes(file)) {
    throw new StorageError("data_dir_unusable", `${directory} is not a data directory: ${file} is missing`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "it does not exist";
  return code === "ENOTDIR" ? "it is a file" : "it can't be read";
}
