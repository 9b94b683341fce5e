import { type Command, parseOptions } from "@parley/server-kit";
import { KEY_ID } from "../api/keys.ts";
import { withServices } from "./with-services.ts";

const DATA_DIR = { "data-dir": { type: "string" } } as const;

/** Creates an API key in a data directory and prints it. */
export const createKey: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: {
      ...DATA_DIR,
      account: { type: "string" },
      name: { type: "string" },
      test: { type: "boolean", default: false },
    },
  });
  const { account, name, test } = values;
  if (account === undefined) throw new TypeError("missing option --account <id>: the account of the key");
  await withServices(values["data-dir"], environment, async ({ keys }) => {
    const { id, key } = await keys.create(account, { name, mode: test ? "test" : "live" });
    console.log(`id ${id}\nkey ${key}`);
  });
};

/** Lists the API keys of an account of a data directory. */
export const listKeys: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { ...DATA_DIR, account: { type: "string" } },
  });
  const { account } = values;
  if (account === undefined) throw new TypeError("missing option --account <id>: the account of the keys");
  await withServices(values["data-dir"], environment, async ({ keys }) => {
    for (const { id, name, mode, createdAt } of await keys.list(account)) {
      console.log([id, new Date(createdAt).toISOString(), mode, name].join("\t"));
    }
  });
};

/** Revokes an API key of a data directory. */
export const revokeKey: Command = async (args, environment) => {
  const { values, positionals } = parseOptions("skytale-server", { args: [...args], options: DATA_DIR, allowPositionals: true }, KEY_ID);
  const [id] = positionals;
  if (id === undefined) throw new TypeError("missing key id: skytale-server keys revoke <id> --data-dir <path>");
  await withServices(values["data-dir"], environment, ({ keys }) => keys.revoke(id));
};
