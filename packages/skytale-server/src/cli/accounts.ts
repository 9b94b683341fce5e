import { parseOptions } from "@parley/server-kit";
import { withServices } from "./with-services.ts";

/** Accounts that are read at a time. */
const PAGE = 1000;

/** Makes an account in a data directory and prints it with its first API key. */
export async function createAccount(args: readonly string[], serverKey: Uint8Array | undefined): Promise<void> {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { "data-dir": { type: "string" }, email: { type: "string" }, name: { type: "string" } },
  });
  const { email, name = email } = values;
  if (email === undefined || name === undefined) throw new TypeError("say whose account: --email <address>");
  await withServices({ dataDir: values["data-dir"], serverKey }, async ({ accounts }) => {
    const { id, apiKey } = await accounts.create({ email, name });
    console.log(`account ${id}\nkey ${apiKey.key}`);
  });
}

/** Lists the accounts of a data directory. */
export async function listAccounts(args: readonly string[], serverKey: Uint8Array | undefined): Promise<void> {
  const { values } = parseOptions("skytale-server", { args: [...args], options: { "data-dir": { type: "string" } } });
  await withServices({ dataDir: values["data-dir"], serverKey }, async ({ accounts }) => {
    for (let after: string | undefined; ;) {
      const page = await accounts.list({ limit: PAGE, after });
      for (const { id, email, name, createdAt } of page) console.log([id, new Date(createdAt).toISOString(), email, name].join("\t"));
      if (page.length < PAGE) return;
      after = page.at(-1)?.id;
    }
  });
}
