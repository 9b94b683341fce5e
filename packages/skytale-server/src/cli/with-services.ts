import { type Environment, readSecretKey, type ServerStorage, withDataDirectory } from "@parley/server-kit";
import type { Services } from "../api/services.ts";

/** Opens the records of a data directory that no server uses. */
export async function withServices(
  dataDir: string | undefined,
  environment: Environment,
  use: (services: Services) => Promise<void>,
): Promise<void> {
  const given = readSecretKey(environment, "SKYTALE_SERVER_KEY");
  const load = async () => {
    const [{ openStores, SCHEMA }, { Services }, { readApiLimits }, { serverKeyOf }] = await Promise.all([
      import("../open-stores.ts"),
      import("../api/services.ts"),
      import("../api/limits.ts"),
      import("../server-key.ts"),
    ]);
    const open = async (storage: ServerStorage) => {
      const { registry } = await openStores(storage);
      const sealingKey = await serverKeyOf({ directory: storage.directory, registry }, given);
      return Services.open({ registry, limits: readApiLimits(), sealingKey });
    };
    return { schema: SCHEMA, open };
  };
  const remedy =
    "This command works while no server runs on the directory: stop the server first. Keys can also be managed over the API (/v1/keys)";
  await withDataDirectory({ dataDir, load, remedy }, use);
}
