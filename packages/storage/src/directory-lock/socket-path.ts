import { mkdtemp, open, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longest path that every Unix accepts for a socket, in bytes. */
const MAX_SOCKET_PATH = 100;

/** Another path to a directory, until it is removed. */
export interface ShortPath {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * A path to a directory in which a socket of some name can be bound: the directory itself, if its path is short enough; else by an open
 * descriptor on Linux, or by a symbolic link in a temporary directory.
 *
 * @param directory is absolute.
 */
export async function shortPath(directory: string, name: string): Promise<ShortPath> {
  if (fits(directory, name)) return { path: directory, remove: () => Promise.resolve() };
  return (process.platform === "linux" ? await byDescriptor(directory) : undefined) ?? byLink(directory, name);
}

async function byDescriptor(directory: string): Promise<ShortPath | undefined> {
  const own = await open(directory, "r");
  const path = `/proc/self/fd/${own.fd}`;
  try {
    // Without /proc this fails.
    await (await open(path, "r")).close();
    return { path, remove: () => own.close() };
  } catch {
    await own.close();
    return undefined;
  }
}

async function byLink(directory: string, name: string): Promise<ShortPath> {
  const failures: unknown[] = [];
  // The environment may name a temporary directory that is too long, missing, or another user's.
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
