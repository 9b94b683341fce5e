import { parseOptions } from "@parley/server-kit";
import { KEY_ID } from "../api/keys.ts";
import { withServices } from "./with-services.ts";

/** Makes an API key in a data directory and prints it. */
export async function createKey(args: readonly string[], serverKey: Uint8Array | undefined): Promise<void> {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: {
      "data-dir": { type: "string" },
      account: { type: "string" },
      name: { type: "string" },
      test: { type: "boolean", default: false },
    },
  });
  const { account, name, test } = values;
  if (account === undefined) throw new TypeError("say whose key: --account <id>");
  await withServices({ dataDir: values["data-dir"], serverKey }, async ({ keys }) => {
    const { id, key } = await keys.create(account, { name, mode: test ? "test" : "live" });
    console.log(`id ${id}\nkey ${key}`);
  });
}

/** Lists the API keys of an account of a data directory. */
export async function listKeys(args: readonly string[], serverKey: Uint8Array | undefined): Promise<void> {
  const { values } = parseOptions("skytale-server", {
    args: [...args],
    options: { "data-dir": { type: "string" }, account: { type: "string" } },
  });
  const { account } = values;
  if (account === undefined) throw new TypeError("say whose keys: --account <id>");
  await withServices({ dataDir: values["data-dir"], serverKey }, async ({ keys }) => {
    for (const { id, name, mode, createdAt } of await keys.list(account)) {
      console.log([id, new Date(createdAt).toISOString(), mode, name].join("\t"));
    }
  });
}

/** Revokes an API key of a data directory. */
export async function revokeKey(args: readonly string[], serverKey: Uint8Array | undefined): Promise<void> {
  const options = { "data-dir": { type: "string" } } as const;
  const { values, positionals } = parseOptions("skytale-server", { args: [...args], options, allowPositionals: true }, KEY_ID);
  const [id] = positionals;
  if (id === undefined) throw new TypeError("say which key: skytale-server keys revoke <id> --data-dir <path>");
  await withServices({ dataDir: values["data-dir"], serverKey }, ({ keys }) => keys.revoke(id));
}
