import { closeAll } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import { checkDataDirectory } from "@parley/storage-lmdb";
import { readApiLimits } from "../api/limits.ts";
import { Services } from "../api/services.ts";
import { serverKeyOf } from "../server-key.ts";
import { openStores, SCHEMA } from "../stores.ts";

/** Works on the records of a data directory that no server has open. */
export async function openServices(
  { dataDir, serverKey }: { readonly dataDir: string; readonly serverKey: Uint8Array | undefined },
  use: (services: Services) => Promise<void>,
): Promise<void> {
  await checkDataDirectory(dataDir, SCHEMA);
  const stores = await openStores(dataDir).catch((error: unknown) => {
    if (!(error instanceof StorageError) || error.code !== "data_dir_locked") throw error;
    const remedy =
      "This command works while no server runs on the directory: stop the server first. Keys can also be managed over the API (/v1/keys)";
    throw new StorageError("data_dir_locked", `${error.message}. ${remedy}`, { cause: error });
  });
  await closeAll(
    async () => {
      const sealingKey = await serverKeyOf(stores, serverKey);
      await use(await Services.open({ registry: stores.registry, limits: readApiLimits(), sealingKey }));
    },
    () => stores.close(),
  );
}
