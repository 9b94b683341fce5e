import { randomBytes } from "node:crypto";
import { link, mkdtemp, readdir, rm, symlink, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LockError } from "./lock-error.ts";

/** A directory that nobody else can lock until it is released. */
export interface DirectoryLock {
  /** Frees the directory. Idempotent. */
  release(): Promise<void>;
}

/** Longest path that every Unix accepts for a socket. */
const MAX_SOCKET_PATH = 100;
const LOCK_NAME = /^lock\.(\d{1,15})$/;

/**
 * Locks a directory for this process, against other processes and against a second lock in this one. The lock ends with the process,
 * however it dies.
 *
 * The holder listens on a Unix socket in the directory: the kernel closes it with the process, so that a refused connection proves a
 * dead holder, where a process id might have been given to someone else or mean nothing in another container. Each new holder links
 * its socket as `lock.<n + 1>` after finding `lock.<n>` dead. Linking is atomic and the highest number is never removed, so that of
 * several who find the same dead holder just one succeeds it.
 *
 * @throws LockError `locked`, `unusable` (the file system has no sockets or links).
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const token = `lock-${randomBytes(6).toString("hex")}`;
  const short = await shorten(directory, token);
  try {
    return await lockWithin(short.path, token);
  } catch (error) {
    if (error instanceof LockError) throw error;
    throw new LockError("unusable", `${directory} can't be locked`, { cause: error });
  } finally {
    await short.remove();
  }
}

async function lockWithin(directory: string, token: string): Promise<DirectoryLock> {
  const own = join(directory, token);
  const server = await listen(own);
  try {
    for (;;) {
      const numbers = await lockNumbers(directory);
      const highest = Math.max(0, ...numbers);
      if (highest > 0 && (await isAlive(join(directory, `lock.${highest}`)))) {
        throw new LockError("locked", "This directory is in use by another process, or by another part of this one");
      }
      const name = join(directory, `lock.${highest + 1}`);
      if (!(await linked(own, name))) continue;
      // The numbers may have moved on between the look and the link; then this link means nothing.
      const now = await lockNumbers(directory);
      if (Math.max(...now) > highest + 1) {
        await removeSocket(name);
        continue;
      }
      await Promise.all([own, ...numbers.map((number) => join(directory, `lock.${number}`))].map(removeSocket));
      return { release: () => close(server) };
    }
  } catch (error) {
    await close(server);
    await removeSocket(own);
    throw error;
  }
}

async function lockNumbers(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => LOCK_NAME.exec(name)?.[1] ?? []).map(Number);
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") resolve(false);
      // A full backlog is a live holder; so is one that hung up on us.
      else if (code === "EAGAIN" || code === "ECONNRESET" || code === "EPIPE") resolve(true);
      else reject(error);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** A path to the directory that is short enough for a socket; a symbolic link while the lock is taken if it isn't by itself. */
async function shorten(directory: string, token: string): Promise<{ path: string; remove(): Promise<void> }> {
  if (Buffer.byteLength(join(directory, token)) <= MAX_SOCKET_PATH) return { path: directory, remove: () => Promise.resolve() };
  const folder = await mkdtemp(join(tmpdir(), "lock-"));
  const path = join(folder, "d");
  await symlink(directory, path);
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Not `rm`: that looks at the file first, and once Node 20 has looked at a socket by a callback, its next `import()` follows no symbolic
 * links, as those of pnpm's node_modules.
 */
async function removeSocket(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
