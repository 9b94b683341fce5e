import { randomBytes } from "node:crypto";
import { copyFile, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemReason } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import { lockDirectory, LockError } from "@parley/storage/directory-lock";
import type { LmdbOptions } from "@parley/storage-lmdb";
import { checkAbsentOrEmpty, syncDirectory } from "./create-backup.ts";
import { type BackupManifest, describeFile, readManifest, unusable } from "./manifest.ts";

/** Options of {@link restoreBackup}. */
export interface RestoreOptions {
  /** Directory of the backup. */
  readonly backup: string;
  /** The data directory to create; must not exist, or be empty. */
  readonly dataDir: string;
  readonly schema: LmdbOptions;
  /** Checks the copy, by opening it. @throws StorageError */
  readonly check: (directory: string) => Promise<void>;
}

/**
 * Creates a data directory from a backup, whose checksums are verified. The directory appears as a whole.
 *
 * @throws StorageError `data_dir_locked` (a server runs on the directory), `data_dir_unusable` (it is not empty; the backup is incomplete,
 *   damaged, or of another server or a newer version), `storage_failed`
 */
export async function restoreBackup({ backup, dataDir, schema, check }: RestoreOptions): Promise<BackupManifest> {
  const directory = resolve(dataDir);
  await checkNotRunning(directory, schema.name);
  await checkAbsentOrEmpty(directory);
  const manifest = await readManifest(backup);
  checkKind(backup, manifest, schema);
  const draft = `${directory}.partial-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 });
    for (const { name, sha256 } of manifest.files) {
      await copyWithMode(join(backup, name), join(draft, name));
      if ((await describeFile(draft, name)).sha256 !== sha256)
        throw unusable(`${join(backup, name)} is damaged: its checksum does not match`);
    }
    await check(draft);
    await syncDirectory(draft);
    await rename(draft, directory);
    await syncDirectory(dirname(directory));
    return manifest;
  } catch (error) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    if (error instanceof StorageError) throw error;
    throw new StorageError("storage_failed", `${directory} cannot be restored: ${systemReason(error)}`, { cause: error });
  }
}

function checkKind(backup: string, { name, schema, files }: BackupManifest, own: LmdbOptions): void {
  if (name !== own.name) throw unusable(`${backup} is a backup of another kind of server: it has ${name}.mdb, not ${own.name}.mdb`);
  if (!files.some((file) => file.name === `${name}.mdb`)) throw unusable(`${backup} is not a complete backup: ${name}.mdb is missing`);
  if (schema === own.schema || own.earlierSchemas?.includes(schema) === true) return;
  throw unusable(`${backup} has version ${schema}; this program knows version ${own.schema}: restore it with the version that made it`);
}

async function checkNotRunning(directory: string, name: string): Promise<void> {
  const names = await readdir(directory).catch((): string[] => []);
  if (!names.includes(`${name}.mdb`)) return;
  try {
    await (await lockDirectory(directory)).release();
  } catch (error) {
    if (!(error instanceof LockError) || error.code !== "locked") return;
    const message = `A server runs on ${directory} (${error.message}): restore into a new directory, then start the server with it`;
    throw new StorageError("data_dir_locked", message, { cause: error });
  }
}

async function copyWithMode(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await using file = await open(to, "r+");
  await file.chmod(0o600);
  await file.sync();
}
