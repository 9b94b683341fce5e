import { checkDataDirectory } from "@parley/storage";
import { readApiLimits } from "../api/limits.ts";
import { Services } from "../api/services.ts";
import { openStores, SCHEMA } from "../stores.ts";

/** Works on the records of a data directory that no server has open. */
export async function withServices(dataDir: string | undefined, use: (services: Services) => Promise<void>): Promise<void> {
  if (dataDir === undefined) throw new TypeError("--data-dir is missing: accounts and keys are kept there");
  await checkDataDirectory(dataDir, SCHEMA);
  const stores = await openStores(dataDir);
  try {
    await use(await Services.open({ registry: stores.registry, limits: readApiLimits() }));
  } finally {
    await stores.close();
  }
}
