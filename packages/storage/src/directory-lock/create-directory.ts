import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { systemReason } from "@parley/core/internal";
import { LockError } from "./lock-error.ts";

/**
 * Creates a directory and its missing parents with mode 0700. An existing directory is not changed.
 *
 * Does not use `mkdir` with `recursive`, which never returns on file systems that report ENOENT for any new name, such as `/proc`.
 *
 * @returns the topmost directory that was created; `undefined` if the directory existed.
 * @throws LockError `unusable`, naming the path and the reason.
 */
export async function createDirectory(path: string): Promise<string | undefined> {
  const directory = resolve(path);
  try {
    return await create(directory);
  } catch (error) {
    throw new LockError("unusable", `${directory} cannot be created: ${await reasonOf(directory, error)}`, { cause: error });
  }
}

async function create(path: string, hasParent = false): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (error) {
    if (await isDirectory(path)) return undefined;
    const parent = dirname(path);
    if (codeOf(error) !== "ENOENT" || parent === path || hasParent) throw error;
    // A concurrent caller may have created it. After a second ENOENT, the file system allows no new name.
    const first = (await isDirectory(parent)) ? undefined : await create(parent);
    return (await create(path, true)) === undefined ? first : (first ?? path);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Describes the reason. `mkdir` uses EEXIST and ENOENT for several reasons. */
async function reasonOf(path: string, error: unknown): Promise<string> {
  const code = codeOf(error);
  if (code === "EEXIST") {
    const target = await stat(path).catch(() => undefined);
    return target === undefined ? "it is a symbolic link to something that does not exist" : "it exists and is not a directory";
  }
  return code === "ENOENT" ? "its file system does not allow new directories there" : systemReason(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
