import { readdir, stat } from "node:fs/promises";
import { checkDirectoryKind } from "@parley/directory-lock";
import type { StorageOptions } from "./environment.ts";
import { StorageError } from "./storage-error.ts";

/** The permission bits of group and others. */
const OTHERS = 0o077;

/**
 * Called by commands that work on a server's data directory, before they open it: accepts a data directory and an empty one. Opening any other
 * directory, as after a typing error, would create a database in it.
 *
 * @throws StorageError `data_dir_unusable`
 */
export async function checkDataDirectory(directory: string, { name }: Pick<StorageOptions, "name">): Promise<void> {
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

/**
 * What to tell the operator of a server whose data directory is open to other users of the machine; `undefined` where it isn't. One that
 * the server makes itself never is. Modes mean nothing on Windows.
 */
export async function accessWarning(directory: string): Promise<string | undefined> {
  if (process.platform === "win32") return undefined;
  const mode = (await stat(directory)).mode & 0o777;
  if ((mode & OTHERS) === 0) return undefined;
  const digits = mode.toString(8).padStart(4, "0");
  return `${directory} is open to other users of this machine (mode ${digits}): they can see what is in it, if not read it; chmod 700 closes it`;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "it does not exist";
  return code === "ENOTDIR" ? "it is a file" : "it can't be read";
}
