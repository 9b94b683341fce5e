import { randomBytes } from "node:crypto";
import { copyFile, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { systemCode, systemReason } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import type { ServerStorage } from "../lifecycle/server-storage.ts";
import { type BackupManifest, describeFile, MANIFEST } from "./manifest.ts";

/** What {@link createBackup} copies. */
export interface BackupSource {
  readonly storage: Pick<ServerStorage, "copy" | "directory">;
  readonly schema: LmdbOptions;
  /** Files of the data directory that the database needs, such as `node.key`. Missing ones are left out: their content is configured. */
  readonly secrets: readonly string[];
  /** Checks the copy, by opening it. @throws StorageError */
  readonly check: (directory: string) => Promise<void>;
}

/** A backup that was made. */
export interface CreatedBackup {
  /** Absolute path. */
  readonly directory: string;
  /** Bytes of its files. */
  readonly bytes: number;
  readonly files: readonly string[];
}

/**
 * Backs up a server while it runs: the data of one moment, and the key files that belong to it. The directory appears as a whole: what a killed
 * process leaves behind has another name (`<directory>.partial-…`) and no manifest. Files have mode 0600.
 *
 * @param directory absolute path; must not exist, or be empty.
 * @throws StorageError `data_dir_unusable` (the directory), `storage_failed`; TypeError for a relative path
 */
export async function createBackup(directory: string, { storage, schema, secrets, check }: BackupSource): Promise<CreatedBackup> {
  if (!isAbsolute(directory)) throw new TypeError(`directory: must be an absolute path, not ${directory}`);
  await checkAbsentOrEmpty(directory);
  const draft = `${directory}.partial-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(draft, { mode: 0o700 });
    const database = `${schema.name}.mdb`;
    await storage.copy(join(draft, database));
    // After the data: a key file is only ever replaced together with the data, which callers prevent during a backup.
    const names = [database, ...(await copySecrets(storage.directory, draft, secrets))];
    await checkCopy(draft, names, check);
    const files = await Promise.all(names.map((name) => describeFile(draft, name)));
    const manifest: BackupManifest = { format: 1, name: schema.name, schema: schema.schema, createdAt: Date.now(), files };
    await writeDurably(join(draft, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await syncDirectory(draft);
    await rename(draft, directory);
    await syncDirectory(dirname(directory));
    return { directory, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files: [...names, MANIFEST] };
  } catch (error) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    if (error instanceof StorageError || error instanceof TypeError) throw error;
    throw new StorageError("storage_failed", `${directory} cannot be written: ${systemReason(error)}`, { cause: error });
  }
}

/** Opens the copy, and removes the files that this has created. */
async function checkCopy(draft: string, names: readonly string[], check: BackupSource["check"]): Promise<void> {
  await check(draft);
  for (const name of await readdir(draft)) if (!names.includes(name)) await rm(join(draft, name), { recursive: true });
}

async function copySecrets(from: string | undefined, to: string, names: readonly string[]): Promise<string[]> {
  const copied: string[] = [];
  for (const name of from === undefined ? [] : names) {
    const target = join(to, name);
    try {
      await copyFile(join(from ?? "", name), target);
    } catch (error) {
      if (systemCode(error) === "ENOENT") continue;
      throw error;
    }
    await using file = await open(target, "r+");
    await file.chmod(0o600);
    await file.sync();
    copied.push(name);
  }
  return copied;
}

/** @throws StorageError `data_dir_unusable` */
export async function checkAbsentOrEmpty(directory: string): Promise<void> {
  try {
    const names = await readdir(directory);
    if (names.length > 0) throw new StorageError("data_dir_unusable", `${directory} is not empty: name a new directory`);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    if (error instanceof StorageError) throw error;
    throw new StorageError("data_dir_unusable", `${directory} cannot be used: ${systemReason(error)}`, { cause: error });
  }
}

/** Creates a file with mode 0600, and flushes it. */
async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(text);
  await file.sync();
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
