import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type CreatedBackup, createBackup, restoreBackup, ServerStorage } from "@parley/server-kit";
import { storedRecords } from "@parley/storage";
import type { DidRecord } from "./identity/hosted-did.ts";
import { NODE_KEY_FILE } from "./identity/node-key.ts";
import { firstWithKeys, openNodeKey, SCHEMA } from "./open-stores.ts";

/** Directories of a backup. */
export interface BackupPaths {
  readonly dataDir: string;
  /** Directory of the backup. */
  readonly backup: string;
}

/** Backs up the storage of a node, running or not. See {@link createBackup}. */
export function backupStorage(storage: ServerStorage, directory: string): Promise<CreatedBackup> {
  return createBackup(directory, { storage, schema: SCHEMA, secrets: [NODE_KEY_FILE], check: checkNodeData });
}

/**
 * Backs up the data directory of a node that does not run. A running one: `node.backup`.
 *
 * @throws StorageError `data_dir_locked` (a node runs), `data_dir_unusable`, `storage_failed`
 */
export async function backupNode({ dataDir, backup }: BackupPaths): Promise<CreatedBackup> {
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
 * Creates the data directory of a node from a backup. The directory must not exist, or be empty.
 *
 * @throws StorageError `data_dir_locked` (a node runs on it), `data_dir_unusable` (it is not empty; the backup is incomplete, damaged, of a
 *   newer version or of another server), `storage_failed`
 */
export async function restoreNode({ dataDir, backup }: BackupPaths): Promise<void> {
  await restoreBackup({ backup, dataDir, schema: SCHEMA, check: checkNodeData });
}

/** Opens a copy of a data directory: checks its pages, its version, and that its `node.key`, if it has one, opens the private keys. */
async function checkNodeData(directory: string): Promise<void> {
  const { LmdbEnvironment } = await import("@parley/storage-lmdb");
  await using environment = await LmdbEnvironment.open(directory, SCHEMA);
  const encrypted = firstWithKeys(storedRecords<DidRecord>(environment, "dids").load());
  const hasKeyFile = await access(join(directory, NODE_KEY_FILE)).then(
    () => true,
    () => false,
  );
  if (hasKeyFile) await openNodeKey(directory, undefined, encrypted);
}
