import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemCode, systemReason } from "@parley/core/internal";
import { createDirectory, lockDirectory, LockError, type DirectoryLock } from "@parley/storage/directory-lock";
import { CliError, EXIT } from "../cli-error.ts";
import { AGENTS, LENSES, STATE_FILE, type DevState } from "./dev-state.ts";

/** API keys of the servers, which the servers keep as hashes only. */
export interface DevKeys {
  readonly node?: string | undefined;
  readonly skytale?: string | undefined;
}

/** Marks the directory as one of `parley dev`, and keeps the keys. */
const KEYS_FILE = "dev-keys.json";
const IGNORE_FILE = ".gitignore";
/** Everything that `--reset` removes. */
const CONSOLE_FILE = "console.html";
const CONTENT = ["node", "node2", "skytale", AGENTS, LENSES, KEYS_FILE, STATE_FILE, CONSOLE_FILE];
const LOCK = /^lock[.-]/;

/** The locked data directory of a running `parley dev`. */
export class DevDirectory {
  readonly path: string;
  readonly #lock: DirectoryLock;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Creates and locks the directory.
   *
   * @throws CliError `already_running`, `data_dir_foreign` (it holds files of something else), `data_dir_unusable`
   */
  static async open(directory: string, { reset }: { readonly reset: boolean }): Promise<DevDirectory> {
    const path = resolve(directory);
    const lock = await lockFor(path);
    try {
      const names = await readdir(path);
      const content = names.filter((name) => !LOCK.test(name) && name !== IGNORE_FILE);
      if (content.length > 0 && !content.includes(KEYS_FILE)) {
        throw new CliError("data_dir_foreign", `${path} is not a data directory of parley dev: it has ${content[0] ?? "other files"}`, {
          exit: EXIT.usage,
          remedy: "name an empty or a new directory with --data",
        });
      }
      const opened = new DevDirectory(path, lock);
      if (reset) await Promise.all(CONTENT.map((name) => rm(join(path, name), { recursive: true, force: true })));
      // Neither keys nor messages belong into a repository.
      await writeFile(join(path, IGNORE_FILE), "*\n");
      if (reset || !content.includes(KEYS_FILE)) await opened.writeKeys({});
      return opened;
    } catch (error) {
      await lock.release();
      throw error instanceof CliError ? error : unusable(path, error);
    }
  }

  /** The stored keys; none of a damaged file, since the servers can make new ones. */
  async readKeys(): Promise<DevKeys> {
    try {
      const { node, skytale } = JSON.parse(await readFile(join(this.path, KEYS_FILE), "utf8")) as Record<string, unknown>;
      return { node: typeof node === "string" ? node : undefined, skytale: typeof skytale === "string" ? skytale : undefined };
    } catch (error) {
      if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return {};
      throw unusable(this.path, error);
    }
  }

  writeKeys(keys: DevKeys): Promise<void> {
    return this.#write(KEYS_FILE, keys);
  }

  writeState(state: DevState): Promise<void> {
    return this.#write(STATE_FILE, state);
  }

  /** Writes a page that leads to the console. Returns its path. */
  async writeConsolePage(url: string): Promise<string> {
    await this.#writeText(CONSOLE_FILE, `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${url}">\n`);
    return join(this.path, CONSOLE_FILE);
  }

  /** Removes the state and releases the lock. Data and keys stay. */
  async close(): Promise<void> {
    await Promise.all([STATE_FILE, CONSOLE_FILE].map((name) => rm(join(this.path, name), { force: true }).catch(() => undefined)));
    await this.#lock.release();
  }

  /** Replaces a file in one step, so that a killed process leaves the old one or the new one. */
  #write(name: string, value: object): Promise<void> {
    return this.#writeText(name, `${JSON.stringify(value, undefined, 2)}\n`);
  }

  async #writeText(name: string, text: string): Promise<void> {
    const temporary = join(this.path, `lock-${name}.${randomBytes(4).toString("hex")}`);
    try {
      await writeFile(temporary, text, { mode: 0o600 });
      await rename(temporary, join(this.path, name));
    } catch (error) {
      throw unusable(this.path, error);
    }
  }
}

async function lockFor(path: string): Promise<DirectoryLock> {
  try {
    await createDirectory(path);
    return await lockDirectory(path);
  } catch (error) {
    if (!(error instanceof LockError) || error.code !== "locked") throw unusable(path, error);
    const pid = /\(pid (\d+)\)/.exec(error.message)?.[1];
    throw new CliError("already_running", `parley dev already runs in ${path}${pid === undefined ? "" : ` (process ${pid})`}`, {
      remedy: "use it with `parley run -- <command>`, stop it, or start another one with --data <directory> --free-ports --env <file>",
      cause: error,
    });
  }
}

function unusable(path: string, error: unknown): CliError {
  const reason = error instanceof LockError ? error.message : `${path} cannot be used: ${systemReason(error)}`;
  return new CliError("data_dir_unusable", reason, { remedy: "name a directory that this user can write with --data", cause: error });
}
