import { open, rm } from "node:fs/promises";
import { constants } from "node:os";
import { systemCode } from "@parley/core/internal";

/** What a probe writes, in bytes: a block of any file system, and more. */
const PROBE_BYTES = 64 * 1024;
/** LMDB's lock file, in bytes: whole pages, and more than its 126 readers take. */
const LOCK_FILE_BYTES = 12 * 1024;
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** Writes a file and removes it again, to see whether the disk takes anything. @throws the system's error */
export async function probeDisk(path: string, bytes: number = PROBE_BYTES): Promise<void> {
  try {
    const file = await open(path, "w", 0o600);
    try {
      await file.writeFile(Buffer.alloc(bytes));
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Creates LMDB's lock file, or fills up one with holes. LMDB maps it into memory and only extends it: on a tmpfs without room for its pages,
 * the first access would end the process with SIGBUS. What is in the file stays.
 *
 * @throws the system's error
 */
export async function allocateLockFile(path: string): Promise<void> {
  const file = await open(path, "a+", 0o600);
  try {
    await file.chmod(0o600);
    const { size, blocks } = await file.stat();
    if (size >= LOCK_FILE_BYTES && blocks * 512 >= size) return;
    const content = Buffer.alloc(Math.max(size, LOCK_FILE_BYTES));
    await file.read(content, 0, size, 0);
    await using writable = await open(path, "r+");
    await writable.writeFile(content);
  } finally {
    await file.close();
  }
}

/**
 * An error of LMDB with the system's code. LMDB gives numbers, and says EIO where a disk took a part of a write only: why, a probe shows.
 */
export async function systemErrorOf(error: unknown, probe: () => Promise<void>): Promise<unknown> {
  const number = error instanceof Error && "code" in error ? error.code : undefined;
  const name = typeof number === "number" ? NAMES.get(number) : undefined;
  if (name === undefined) return error;
  if (name === "EIO") {
    try {
      await probe();
    } catch (found) {
      if (systemCode(found) !== undefined) return found;
    }
  }
  return Object.assign(new Error(error instanceof Error ? error.message : name, { cause: error }), { code: name });
}
