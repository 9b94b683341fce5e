import { readdir } from "node:fs/promises";
import { StorageError } from "@parley/storage";
import { checkDirectoryKind } from "@parley/storage/directory-lock";
import type { LmdbOptions } from "./lmdb-environment.ts";

const REMEDY = "Give the directory with which the server was started";

/**
 * Checks that a path is a server's data directory or an empty directory. Called by commands before they open it, because opening a mistyped
 * path would create a database there.
 *
 * @throws StorageError `data_dir_unusable`
 */
export async function checkDataDirectory(directory: string, { name }: Pick<LmdbOptions, "name">): Promise<void> {
  const file = `${name}.mdb`;
  const names = await readdir(directory).catch((error: unknown) => {
    throw new StorageError("data_dir_unusable", `${directory} is not a data directory: ${reasonOf(error)}. ${REMEDY}`, { cause: error });
  });
  try {
    checkDirectoryKind(directory, names, file);
  } catch (error) {
    throw new StorageError("data_dir_unusable", (error as Error).message, { cause: error });
  }
  if (names.length > 0 && !names.includes(file)) {
    throw new StorageError("data_dir_unusable", `${directory} is not a data directory: ${file} is missing. ${REMEDY}`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "it does not exist";
  return code === "ENOTDIR" ? "it is a file" : "it can't be read";
}
