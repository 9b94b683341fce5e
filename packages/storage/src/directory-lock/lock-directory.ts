import { randomBytes } from "node:crypto";
import { chmod, link, readdir, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { closeQuietly, systemCode, systemReason } from "@parley/core/internal";
import { LockError } from "./lock-error.ts";
import { shortPath } from "./socket-path.ts";

/** The lock of a directory. */
export interface DirectoryLock {
  /** Releases the lock. Idempotent. */
  release(): Promise<void>;
}

const LOCK_NAME = /^lock\.(\d{1,15})$/;

/**
 * Locks a directory exclusively, among all processes and within this one. The lock is released when the process ends, even if it is killed.
 *
 * The holder listens on a Unix socket in the directory. The kernel closes the socket with the process, so that a refused connection proves
 * that the holder has ended. A stored process id could have been reused, or belong to another container. Each new holder links its socket as
 * `lock.<n + 1>` after a connection to `lock.<n>` was refused. Linking is atomic and the highest number is never removed, so exactly one of
 * several candidates succeeds.
 *
 * The path may be relative, of any length, and contain any characters. It is resolved at the call: a later change of the working directory
 * has no effect.
 *
 * @throws LockError `locked` (the message names the directory and the holder's process id), `unusable` (it does not exist, it
 *   cannot be written, or its file system has no sockets or links).
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = resolve(directory);
  const token = `lock-${randomBytes(6).toString("hex")}`;
  try {
    // Binding a socket reports the same error for a missing and for a forbidden directory.
    await readdir(path);
    const short = await shortPath(path, token);
    try {
      return await lockWithin({ path, short: short.path }, token);
    } finally {
      await short.remove();
    }
  } catch (error) {
    if (error instanceof LockError) throw error;
    const code = systemCode(error);
    const reason = code === "ENOENT" ? "it does not exist" : code === "ENOTDIR" ? "it is not a directory" : systemReason(error);
    throw new LockError("unusable", `${path} cannot be locked: ${reason}`, { cause: error });
  }
}

async function lockWithin(directory: { readonly path: string; readonly short: string }, token: string): Promise<DirectoryLock> {
  const { path, short } = directory;
  const own = join(short, token);
  const server = await listen(own);
  try {
    // Only the owner of the directory may connect.
    await chmod(own, 0o600);
    for (;;) {
      const numbers = await lockNumbers(short);
      const highest = Math.max(0, ...numbers);
      const holder = highest > 0 ? await holderOf(join(short, `lock.${highest}`)) : undefined;
      if (holder !== undefined) throw new LockError("locked", `${path} is in use by ${nameOf(holder)}`);
      const name = join(short, `lock.${highest + 1}`);
      if (!(await linked(own, name))) continue;
      // Another candidate may have linked a higher number since the numbers were read; then this link is void.
      const now = await lockNumbers(short);
      if (Math.max(...now) > highest + 1) {
        await removeSocket(name);
        continue;
      }
      await Promise.all([own, ...numbers.map((number) => join(short, `lock.${number}`))].map(removeSocket));
      return { release: () => close(server) };
    }
  } catch (error) {
    await closeQuietly(
      () => close(server),
      () => removeSocket(own),
    );
    throw error;
  }
}

function nameOf(answer: string): string {
  if (answer === ANSWER) return `another part of this process (pid ${process.pid})`;
  const pid = ANSWER_FORM.exec(answer)?.[1];
  return pid === undefined ? "another process" : `another process (pid ${pid})`;
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
    const server = createServer((socket) => {
      // A connection must neither keep the process running nor delay the release.
      socket.on("error", () => socket.destroy());
      socket.unref();
      socket.end(ANSWER, () => socket.destroy());
    });
    server.once("error", reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** The holder's response: its process id, and a random value that distinguishes it from a process with the same id in another container. */
const ANSWER = `${process.pid} ${randomBytes(8).toString("hex")}\n`;
const ANSWER_FORM = /^(\d{1,15}) [0-9a-f]{16}\n$/;
const MAX_ANSWER = 64;
/** Timeout of the response in milliseconds: the holder's event loop may be busy. */
const ANSWER_MS = 1000;

/** The response of the process that listens on a socket; empty after a timeout, `undefined` if no process listens. */
function holderOf(path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = "";
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => socket.setTimeout(ANSWER_MS, done));
    socket.once("end", done);
    socket.on("data", (data) => {
      answer += data.toString("latin1");
      if (answer.length > MAX_ANSWER) done();
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") resolve(undefined);
      // The backlog is full, or the holder closed the connection: a process listens.
      else if (code === "EAGAIN" || code === "ECONNRESET" || code === "EPIPE") done();
      else reject(error);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/**
 * Does not use `rm`, which calls `stat` first. On Node 20, after an asynchronous `stat` of a socket, the next `import()` does not follow
 * symbolic links, such as those in pnpm's node_modules.
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
