import {
  DATA_DIR_FLAG,
  type Command,
  type Environment,
  parseOptions,
  parseRevocation,
  printCreatedKey,
  printRecord,
  readSecretKey,
  type ServerStorage,
  withDataDirectory,
} from "@parley/server-kit";
import type { ApiKeys } from "../identity/api-keys.ts";

/** Creates an API key in a data directory and prints it. */
export const createKey: Command = async (args, environment) => {
  const { values } = parseOptions("layr8-node", {
    args: [...args],
    options: {
      ...DATA_DIR_FLAG,
      name: { type: "string" },
      did: { type: "string", multiple: true },
      any: { type: "boolean", default: false },
    },
  });
  const { did, any, name } = values;
  if (any === (did !== undefined)) throw new TypeError("missing option: --did <did or prefix>, or --any for any DID");
  const dids = did ?? "any";
  await withKeys(values["data-dir"], environment, async (keys) => {
    printCreatedKey(await keys.create({ dids, ...(name !== undefined && { name }) }));
  });
};

/** Lists the API keys of a data directory. */
export const listKeys: Command = async (args, environment) => {
  const { values } = parseOptions("layr8-node", { args: [...args], options: DATA_DIR_FLAG });
  await withKeys(values["data-dir"], environment, async (keys) => {
    for (const key of keys.list()) printRecord(key, key.name, key.dids === "any" ? "any DID" : key.dids.join(" "));
  });
};

/** Revokes an API key of a data directory. */
export const revokeKey: Command = async (args, environment) => {
  const { id, values } = parseRevocation("layr8-node", args, DATA_DIR_FLAG);
  await withKeys(values["data-dir"], environment, async (keys) => {
    if (!(await keys.revoke(id))) throw new TypeError(`unknown API key id: ${id}`);
  });
};

/** Opens the API keys of a data directory. */
async function withKeys(dataDir: string | undefined, environment: Environment, use: (keys: ApiKeys) => Promise<void>): Promise<void> {
  const nodeKey = readSecretKey(environment, "LAYR8_NODE_KEY");
  const load = async () => {
    const [{ openStores, SCHEMA }, { readNodeOptions }] = await Promise.all([import("../open-stores.ts"), import("../options.ts")]);
    const options = readNodeOptions({ ...(nodeKey !== undefined && { nodeKey }) });
    return { schema: SCHEMA, open: (storage: ServerStorage) => openStores(storage, options) };
  };
  const remedy = "Keys are managed while no node runs on the directory: stop the node, run this command again, and start the node";
  await withDataDirectory({ dataDir, load, remedy }, ({ apiKeys }) => use(apiKeys));
}
