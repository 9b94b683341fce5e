import { closeAll } from "@parley/core/internal";
import {
  type Command,
  type Environment,
  type NatsSettings,
  parseOptions,
  parseRevocation,
  printCreatedKey,
  printRecord,
  readSecretKey,
  readStoragePlace,
  type ServerStorage,
  STORAGE_FLAGS,
  withDataDirectory,
} from "@parley/server-kit";
import type { ApiKeyRecord, ApiKeys } from "../identity/api-keys.ts";
import { CLUSTER } from "./cluster.ts";

/** Creates an API key in a data directory or on NATS, and prints it. */
export const createKey: Command = async (args, environment) => {
  const { values } = parseOptions("layr8-node", {
    args: [...args],
    options: {
      ...STORAGE_FLAGS,
      name: { type: "string" },
      did: { type: "string", multiple: true },
      any: { type: "boolean", default: false },
    },
  });
  const { did, any, name } = values;
  if (any === (did !== undefined)) throw new TypeError("missing option: --did <did or prefix>, or --any for any DID");
  const dids = did ?? "any";
  await withKeys(values, environment, async (keys) => {
    printCreatedKey(await keys.create({ dids, ...(name !== undefined && { name }) }));
  });
};

/** Lists the API keys of a data directory or of nodes on NATS. */
export const listKeys: Command = async (args, environment) => {
  const { values } = parseOptions("layr8-node", { args: [...args], options: STORAGE_FLAGS });
  await withKeys(values, environment, async (keys) => {
    for (const key of keys.list()) printRecord(key, key.name, key.dids === "any" ? "any DID" : key.dids.join(" "));
  });
};

/** Revokes an API key of a data directory or of nodes on NATS. */
export const revokeKey: Command = async (args, environment) => {
  const { id, values } = parseRevocation("layr8-node", args, STORAGE_FLAGS);
  await withKeys(values, environment, async (keys) => {
    if (!(await keys.revoke(id))) throw new TypeError(`unknown API key id: ${id}`);
  });
};

/** Opens the API keys of a data directory that no node uses, or those that nodes share on NATS, which may run. */
async function withKeys(values: object, environment: Environment, use: (keys: ApiKeys) => Promise<void>): Promise<void> {
  const { dataDir, nats } = readStoragePlace(values, { prefix: CLUSTER.prefix });
  if (nats !== undefined) return withSharedKeys(nats, use);
  const nodeKey = readSecretKey(environment, "LAYR8_NODE_KEY");
  const load = async () => {
    const [{ openStores, SCHEMA }, { readNodeOptions }] = await Promise.all([import("../open-stores.ts"), import("../options.ts")]);
    const options = readNodeOptions({ ...(nodeKey !== undefined && { nodeKey }) });
    return { schema: SCHEMA, open: (storage: ServerStorage) => openStores(storage, options) };
  };
  const remedy = "Keys are managed while no node runs on the directory: stop the node, run this command again, and start the node";
  return withDataDirectory({ dataDir, load, remedy }, ({ apiKeys }) => use(apiKeys));
}

function withSharedKeys(nats: NatsSettings, use: (keys: ApiKeys) => Promise<void>): Promise<void> {
  return CLUSTER.connected(nats, async ({ describeStreams }, connection) => {
    if ((await describeStreams(connection)).length === 0)
      throw new TypeError(`NATS has no streams with the prefix ${nats.prefix}: start a node first, or give its --nats-prefix`);
    const [{ ApiKeys: Keys }, { JetstreamRecords }] = await Promise.all([
      import("../identity/api-keys.ts"),
      import("../jetstream/jetstream-records.ts"),
    ]);
    const records = await JetstreamRecords.open<ApiKeyRecord>(connection, { name: "keys", keyOf: ({ id }) => id });
    await closeAll(
      () => use(new Keys(records)),
      () => records.close(),
    );
  });
}
