import { closeAll } from "@parley/core/internal";
import { type Environment, readSecretKey, readStoragePlace, type ServerStorage, withDataDirectory } from "@parley/server-kit";
import type { Services } from "../api/services.ts";
import type { Registry } from "../registry/registry.ts";
import { CLUSTER } from "./cluster.ts";

const SERVER_KEY = "SKYTALE_SERVER_KEY";
const REMEDY =
  "This command works while no server runs on the directory: stop the server first. Keys can also be managed over the API (/v1/keys)";

/**
 * Opens the records of a data directory that no server uses, or those that servers share on NATS, which may run.
 *
 * @param values of `STORAGE_FLAGS`.
 */
export async function withServices(values: object, environment: Environment, use: (services: Services) => Promise<void>): Promise<void> {
  const given = readSecretKey(environment, SERVER_KEY);
  const place = readStoragePlace(values, { prefix: CLUSTER.prefix, secretKey: { given, option: "serverKey", variable: SERVER_KEY } });
  const openServices = async (registry: Registry, directory?: string): Promise<Services> => {
    const [{ Services }, { readApiLimits }, { serverKeyOf }] = await Promise.all([
      import("../api/services.ts"),
      import("../api/limits.ts"),
      import("../server-key.ts"),
    ]);
    return Services.open({ registry, limits: readApiLimits(), sealingKey: await serverKeyOf({ directory, registry }, given) });
  };
  const { dataDir, nats } = place;
  if (nats === undefined) {
    const load = async () => {
      const { openStores, SCHEMA } = await import("../open-stores.ts");
      const open = async (storage: ServerStorage) => openServices((await openStores(storage)).registry, storage.directory);
      return { schema: SCHEMA, open };
    };
    return withDataDirectory({ dataDir, load, remedy: REMEDY }, use);
  }
  await CLUSTER.connected(nats, async ({ describeStreams }, connection) => {
    if ((await describeStreams(connection)).length === 0)
      throw new TypeError(`NATS has no streams with the prefix ${nats.prefix}: start a server first, or give its --nats-prefix`);
    const { JetstreamRegistry } = await import("../registry/jetstream-registry.ts");
    const registry = await JetstreamRegistry.open(connection);
    await closeAll(
      async () => use(await openServices(registry)),
      () => registry.close(),
    );
  });
}
