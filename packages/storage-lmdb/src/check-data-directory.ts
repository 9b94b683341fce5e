import { readdir } from "node:fs/promises";
import { systemCode } from "@parley/core/internal";
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
    const { reason, remedy = REMEDY } = describe(error);
    throw new StorageError("data_dir_unusable", `${directory} is not a data directory: ${reason}. ${remedy}`, { cause: error });
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

function describe(error: unknown): { readonly reason: string; readonly remedy?: string } {
  const code = systemCode(error);
  if (code === "ENOENT")
    return { reason: "it does not exist", remedy: `${REMEDY}, or for a new server make an empty one, of its user and with mode 0700` };
  return { reason: code === "ENOTDIR" ? "it is a file" : "it can't be read" };
}
