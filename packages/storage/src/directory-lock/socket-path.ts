import { mkdtemp, open, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longest socket path that every Unix accepts, in bytes. */
const MAX_SOCKET_PATH = 100;

/** A short path to a directory, valid until it is removed. */
export interface ShortPath {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Returns a path to a directory that is short enough for a socket of the given name: the directory's own path if possible, otherwise a path
 * through an open descriptor on Linux, or through a symbolic link in a temporary directory.
 *
 * @param directory an absolute path.
 */
export async function shortPath(directory: string, name: string): Promise<ShortPath> {
  if (fits(directory, name)) return { path: directory, remove: () => Promise.resolve() };
  return (process.platform === "linux" ? await byDescriptor(directory) : undefined) ?? byLink(directory, name);
}

async function byDescriptor(directory: string): Promise<ShortPath | undefined> {
  const own = await open(directory, "r");
  const path = `/proc/self/fd/${own.fd}`;
  try {
    // Fails if /proc is not mounted.
    await (await open(path, "r")).close();
    return { path, remove: () => own.close() };
  } catch {
    await own.close();
    return undefined;
  }
}

async function byLink(directory: string, name: string): Promise<ShortPath> {
  const failures: unknown[] = [];
  // The temporary directory of the environment may be too long, missing, or owned by another user.
  for (const temporary of new Set([tmpdir(), "/tmp", "/var/tmp"])) {
    let folder: string | undefined;
    try {
      folder = await mkdtemp(join(temporary, "lock-"));
      const path = join(folder, "d");
      if (!fits(path, name)) throw new RangeError(`${temporary} is too long a path for a socket`);
      await symlink(directory, path);
      const made = folder;
      return { path, remove: () => rm(made, { recursive: true, force: true }) };
    } catch (error) {
      failures.push(error);
      const made = folder;
      if (made !== undefined) await rm(made, { recursive: true, force: true });
    }
  }
  throw failures[0];
}

function fits(directory: string, name: string): boolean {
  return Buffer.byteLength(join(directory, name)) <= MAX_SOCKET_PATH;
}
