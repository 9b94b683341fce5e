import { type Command, parseOptions, parseRevocation, printCreatedKey, printRecord, STORAGE_FLAGS } from "@parley/server-kit";
import { KEY_ID } from "../api/keys.ts";
import { withServices } from "./with-services.ts";

/** Creates an API key in a data directory or on NATS, and prints it. */
export const createKey: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: {
      ...STORAGE_FLAGS,
      account: { type: "string" },
      name: { type: "string" },
      test: { type: "boolean", default: false },
    },
  });
  const { account, name, test } = values;
  if (account === undefined) throw new TypeError("missing option --account <id>: the account of the key");
  await withServices(values, environment, async ({ keys }) => {
    printCreatedKey(await keys.create(account, { name, mode: test ? "test" : "live" }));
  });
};

/** Lists the API keys of an account of a data directory or of servers on NATS. */
export const listKeys: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { ...STORAGE_FLAGS, account: { type: "string" } },
  });
  const { account } = values;
  if (account === undefined) throw new TypeError("missing option --account <id>: the account of the keys");
  await withServices(values, environment, async ({ keys }) => {
    for (const key of await keys.list(account)) printRecord(key, key.mode, key.name);
  });
};

/** Revokes an API key of a data directory or of servers on NATS. */
export const revokeKey: Command = async (args, environment) => {
  const { id, values } = parseRevocation("skytale-server", args, STORAGE_FLAGS, KEY_ID);
  await withServices(values, environment, ({ keys }) => keys.revoke(id));
};
