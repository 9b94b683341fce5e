import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createBackup, type CreatedBackup, restoreBackup, ServerStorage } from "@parley/server-kit";
import { StorageError } from "@parley/storage";
import { signingKeys } from "./api/records.ts";
import { opensSigningKey } from "./api/signing-keys.ts";
import { SCHEMA } from "./open-stores.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";
import { SERVER_KEY_FILE, serverKeyOf } from "./server-key.ts";

/** Directories of a backup. */
export interface BackupPaths {
  readonly dataDir: string;
  /** Directory of the backup. */
  readonly backup: string;
}

/** Backs up the storage of a server, running or not. See {@link createBackup}. */
export function backupStorage(storage: ServerStorage, directory: string): Promise<CreatedBackup> {
  return createBackup(directory, { storage, schema: SCHEMA, secrets: [SERVER_KEY_FILE], check: checkServerData });
}

/**
 * Backs up the data directory of a server that does not run. A running one: `server.backup`.
 *
 * @throws StorageError `data_dir_locked` (a server runs), `data_dir_unusable`, `storage_failed`
 */
export async function backupSkytale({ dataDir, backup }: BackupPaths): Promise<CreatedBackup> {
  const { checkDataDirectory } = await import("@parley/storage-lmdb");
  await checkDataDirectory(dataDir, SCHEMA);
  const storage = await ServerStorage.open({ dataDir, schema: SCHEMA });
  try {
    return await backupStorage(storage, resolve(backup));
  } finally {
    await storage.close();
  }
}

/**
 * Creates the data directory of a server from a backup. The directory must not exist, or be empty.
 *
 * @throws StorageError `data_dir_locked` (a server runs on it), `data_dir_unusable` (it is not empty; the backup is incomplete, damaged, of a
 *   newer version or of another server), `storage_failed`
 */
export async function restoreSkytale({ dataDir, backup }: BackupPaths): Promise<void> {
  await restoreBackup({ backup, dataDir, schema: SCHEMA, check: checkServerData });
}

/** Opens a copy of a data directory: checks its pages, its version, and that its `server.key`, if it has one, opens the signing keys. */
async function checkServerData(directory: string): Promise<void> {
  const { LmdbEnvironment } = await import("@parley/storage-lmdb");
  await using environment = await LmdbEnvironment.open(directory, SCHEMA);
  const registry = new StoredRegistry(environment);
  const hasKeyFile = await access(join(directory, SERVER_KEY_FILE)).then(
    () => true,
    () => false,
  );
  if (!hasKeyFile) return;
  const key = await serverKeyOf({ directory, registry }, undefined);
  const [first] = await registry.list(signingKeys.prefix, { limit: 1 });
  if (first === undefined || key === undefined || signingKeys.of(first).sealed === undefined) return;
  if (!opensSigningKey(signingKeys.of(first), key))
    throw new StorageError("data_dir_unusable", `${SERVER_KEY_FILE} is not the key that the signing keys in ${directory} are sealed with`);
}
