import { type Command, parseOptions } from "@parley/server-kit";
import { withServices } from "./with-services.ts";

const DATA_DIR = { "data-dir": { type: "string" } } as const;

/** Accounts that are read at a time. */
const PAGE = 1000;

/** Creates an account in a data directory and prints it with its first API key. */
export const createAccount: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { ...DATA_DIR, email: { type: "string" }, name: { type: "string" } },
  });
  const { email, name = email } = values;
  if (email === undefined || name === undefined) throw new TypeError("missing option --email <address>: it identifies the account");
  await withServices(values["data-dir"], environment, async ({ accounts }) => {
    const { id, apiKey } = await accounts.create({ email, name });
    console.log(`account ${id}\nkey ${apiKey.key}`);
  });
};

/** Lists the accounts of a data directory. */
export const listAccounts: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", { args: [...args], options: DATA_DIR });
  await withServices(values["data-dir"], environment, async ({ accounts }) => {
    for (let after: string | undefined; ;) {
      const page = await accounts.list({ limit: PAGE, after });
      for (const { id, email, name, createdAt } of page) console.log([id, new Date(createdAt).toISOString(), email, name].join("\t"));
      if (page.length < PAGE) return;
      after = page.at(-1)?.id;
    }
  });
};
