import { type Command, DATA_DIR_FLAG, parseOptions, parseRevocation, printCreatedKey, printRecord } from "@parley/server-kit";
import { KEY_ID } from "../api/keys.ts";
import { withServices } from "./with-services.ts";

/** Creates an API key in a data directory and prints it. */
export const createKey: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: {
      ...DATA_DIR_FLAG,
      account: { type: "string" },
      name: { type: "string" },
      test: { type: "boolean", default: false },
    },
  });
  const { account, name, test } = values;
  if (account === undefined) throw new TypeError("missing option --account <id>: the account of the key");
  await withServices(values["data-dir"], environment, async ({ keys }) => {
    printCreatedKey(await keys.create(account, { name, mode: test ? "test" : "live" }));
  });
};

/** Lists the API keys of an account of a data directory. */
export const listKeys: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { ...DATA_DIR_FLAG, account: { type: "string" } },
  });
  const { account } = values;
  if (account === undefined) throw new TypeError("missing option --account <id>: the account of the keys");
  await withServices(values["data-dir"], environment, async ({ keys }) => {
    for (const key of await keys.list(account)) printRecord(key, key.mode, key.name);
  });
};

/** Revokes an API key of a data directory. */
export const revokeKey: Command = async (args, environment) => {
  const { id, dataDir } = parseRevocation("skytale-server", args, KEY_ID);
  await withServices(dataDir, environment, ({ keys }) => keys.revoke(id));
};
