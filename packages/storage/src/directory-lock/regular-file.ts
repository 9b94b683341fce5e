import { lstat, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { LockError } from "./lock-error.ts";

/**
 * Rejects a path that exists and is not a regular file. Called before a program opens a file of its data directory: opening a pipe blocks, LMDB
 * ends the process on a device or a pipe, and behind a symbolic link is a file that the lock of the directory does not protect.
 *
 * @param mayBeLink whether a symbolic link to a regular file is accepted, as for a key that is mounted from a secret store.
 * @throws LockError `unusable`; errors of the system
 */
export async function checkRegularFile(path: string, { mayBeLink = false }: { readonly mayBeLink?: boolean } = {}): Promise<void> {
  let stats: Stats;
  try {
    stats = await (mayBeLink ? stat(path) : lstat(path));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  if (stats.isFile()) return;
  const remedy = stats.isSymbolicLink() ? "put the file itself there, or link the directory" : "remove it";
  throw new LockError("unusable", `${path} is ${kindOf(stats)}, not a regular file: ${remedy}`);
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return "a symbolic link";
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}
