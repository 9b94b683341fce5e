import { type Command, parseOptions, printRecord, STORAGE_FLAGS } from "@parley/server-kit";
import { withServices } from "./with-services.ts";

/** Accounts that are read at a time. */
const PAGE = 1000;

/** Creates an account in a data directory or on NATS, and prints it with its first API key. */
export const createAccount: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { ...STORAGE_FLAGS, email: { type: "string" }, name: { type: "string" } },
  });
  const { email, name = email } = values;
  if (email === undefined || name === undefined) throw new TypeError("missing option --email <address>: it identifies the account");
  await withServices(values, environment, async ({ accounts }) => {
    const { id, apiKey } = await accounts.create({ email, name });
    console.log(`account ${id}\nkey ${apiKey.key}`);
  });
};

/** Lists the accounts of a data directory or of servers on NATS. */
export const listAccounts: Command = async (args, environment) => {
  const { values } = parseOptions("skytale-server", { args: [...args], options: STORAGE_FLAGS });
  await withServices(values, environment, async ({ accounts }) => {
    for (let after: string | undefined; ;) {
      const page = await accounts.list({ limit: PAGE, after });
      for (const account of page) printRecord(account, account.email, account.name);
      if (page.length < PAGE) return;
      after = page.at(-1)?.id;
    }
  });
};
