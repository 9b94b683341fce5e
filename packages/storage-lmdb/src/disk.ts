import { open, rm } from "node:fs/promises";
import { constants } from "node:os";
import { systemCode } from "@parley/core/internal";

/** Size of a probe in bytes: more than one block of any file system. */
const PROBE_BYTES = 64 * 1024;
/** Size of LMDB's lock file in bytes: whole pages, sufficient for its 126 readers. */
const LOCK_FILE_BYTES = 12 * 1024;
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** Writes a file and removes it, to check whether the disk accepts writes. @throws the system's error */
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
 * Creates LMDB's lock file, or allocates the holes of an existing one. LMDB extends the file without allocating it and maps it into memory: on a
 * full tmpfs, the first access would end the process with SIGBUS. The file's content is kept.
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
 * Converts an error of LMDB to one with the system's code. LMDB reports numbers, and EIO for an incomplete write, whose real cause a probe finds.
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
