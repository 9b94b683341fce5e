import type { Stats } from "node:fs";
import { chmod, link, lstat, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { closeQuietly, isPassingSystemError, systemCode, systemReason } from "@parley/core/internal";
import { checkRegularFile, createDirectory, lockDirectory, LockError, type DirectoryLock } from "@parley/storage/directory-lock";
import { EndToEndError } from "./end-to-end-error.ts";
import type { KeyStore } from "./key-store.ts";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const KEY_FILE = /\.(?:keys|pins|handled)(?:\.new)?$/;
const LOCK_FILE = /^lock[.-]/;

/** A key store in a directory, which this process has locked. Only its owner can read it. */
export class DirectoryKeyStore implements KeyStore {
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  #isClosed = false;

  private constructor(directory: string, lock: DirectoryLock) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /**
   * Creates a missing directory, locks it, and takes its files from other users.
   *
   * @throws EndToEndError `key_store_in_use`, `key_store_invalid`
   */
  static async open(path: string): Promise<DirectoryKeyStore> {
    const directory = resolve(path);
    return attempt(directory, async () => {
      await createDirectory(directory);
      const lock = await lockDirectory(directory);
      try {
        await restrict(directory);
        return new DirectoryKeyStore(directory, lock);
      } catch (error) {
        await closeQuietly(() => lock.release());
        throw error;
      }
    });
  }

  /** Lets others use the directory. Later calls fail: what they would write could replace what another process has written. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#lock.release();
  }

  /** The path of a text. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  read(name: string): Promise<string | undefined> {
    const path = this.path(name);
    return this.#attempt(path, async () => {
      await checkRegularFile(path);
      return readFile(path, "utf8").catch(unless("ENOENT"));
    });
  }

  write(name: string, text: string): Promise<void> {
    const path = this.path(name);
    return this.#attempt(path, async () => {
      await rename(await draft(path, text), path);
      await this.#sync();
    });
  }

  create(name: string, text: string): Promise<boolean> {
    const path = this.path(name);
    return this.#attempt(path, async () => {
      const temporary = await draft(path, text);
      try {
        // Unlike a rename, it replaces nothing.
        await link(temporary, path);
      } catch (error) {
        if (systemCode(error) === "EEXIST") return false;
        throw error;
      } finally {
        await rm(temporary, { force: true });
      }
      await this.#sync();
      return true;
    });
  }

  append(name: string, text: string): Promise<void> {
    const path = this.path(name);
    return this.#attempt(path, async () => {
      const file = await open(path, "a", OWNER_ONLY);
      try {
        await file.writeFile(text);
      } finally {
        await file.close();
      }
    });
  }

  async #attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new EndToEndError("keys_not_held", `${path} can't be used: the client is closed`);
    return attempt(path, work);
  }

  async #sync(): Promise<void> {
    const directory = await open(this.#directory, "r");
    await directory.sync().catch(() => undefined);
    await directory.close();
  }
}

/** Where a text of a store is, for messages. */
export function placeOf(store: KeyStore, name: string): string {
  return store instanceof DirectoryKeyStore ? store.path(name) : `"${name}" of the key store`;
}

async function draft(path: string, text: string): Promise<string> {
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", OWNER_ONLY);
  try {
    // A file of that name may be left from before, with other rights.
    await file.chmod(OWNER_ONLY);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

/** Makes the directory and the files of keys their owner's alone, and removes unfinished ones. A directory that has other files too is not changed, and must not be writable for others. */
async function restrict(directory: string): Promise<void> {
  const names = await readdir(directory);
  const own = names.filter((name) => KEY_FILE.test(name));
  // An unfinished file may have keys that were replaced or deleted since.
  await Promise.all(own.map((name) => (name.endsWith(".new") ? rm(join(directory, name)) : restrictFile(join(directory, name)))));
  const { mode } = await stat(directory);
  if ((mode & OTHERS) === 0) return;
  if (names.every((name) => KEY_FILE.test(name) || LOCK_FILE.test(name))) return chmod(directory, 0o700);
  if ((mode & OTHERS_WRITE) === 0) return;
  throw new EndToEndError(
    "key_store_invalid",
    `${directory} has other files too, and other users can write to it: give the keys a directory of their own, or run chmod 700 on it`,
  );
}

async function restrictFile(path: string): Promise<void> {
  await checkRegularFile(path);
  const stats: Stats | undefined = await lstat(path).catch(unless("ENOENT"));
  if (stats !== undefined && (stats.mode & OTHERS) !== 0) await chmod(path, OWNER_ONLY);
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EndToEndError) throw error;
    if (error instanceof LockError) {
      const { code, message, retryable } = error;
      const cause = { cause: error, retryable };
      throw code === "locked"
        ? new EndToEndError("key_store_in_use", `The key store ${message}`, cause)
        : new EndToEndError("key_store_invalid", `The key store can't be used: ${message}`, cause);
    }
    const options = { cause: error, retryable: isPassingSystemError(error) };
    throw new EndToEndError("key_store_invalid", `The key store can't be used: ${path}: ${systemReason(error)}`, options);
  }
}

function unless(code: string): (error: unknown) => undefined {
  return (error) => {
    if (systemCode(error) !== code) throw error;
    return undefined;
  };
}
