import { closeAll } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import { checkDataDirectory } from "@parley/storage-lmdb";
import type { ApiKeys } from "../identity/api-keys.ts";
import { readLimits } from "../options.ts";
import { openStores, SCHEMA } from "../stores.ts";

/** Opens the API keys of a data directory that no node is using. */
export async function withKeys(dataDir: string, nodeKey: Uint8Array | undefined, use: (keys: ApiKeys) => Promise<void>): Promise<void> {
  await checkDataDirectory(dataDir, SCHEMA);
  const stores = await openStores({ dataDir, ...(nodeKey !== undefined && { nodeKey }) }, readLimits()).catch((error: unknown) => {
    if (!(error instanceof StorageError) || error.code !== "data_dir_locked") throw error;
    const remedy = "Keys are managed while no node runs on the directory: stop the node, run this command again, and start the node";
    throw new StorageError("data_dir_locked", `${error.message}. ${remedy}`, { cause: error });
  });
  await closeAll(
    () => use(stores.apiKeys),
    () => stores.close(),
  );
}
