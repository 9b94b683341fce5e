import { parseOptions } from "@parley/server-command";
import type { ApiKeys } from "../identity/api-keys.ts";

/** What the commands take from the environment. */
interface KeysEnvironment {
  readonly nodeKey: Uint8Array | undefined;
}

/** Makes an API key in a data directory and prints it. */
export async function createKey(args: readonly string[], environment: KeysEnvironment): Promise<void> {
  const { values } = parseOptions("layr8-node", {
    args: [...args],
    options: {
      "data-dir": { type: "string" },
      name: { type: "string" },
      did: { type: "string", multiple: true },
      any: { type: "boolean", default: false },
    },
  });
  const { did, any, name } = values;
  if (any === (did !== undefined)) throw new TypeError("say what the key may bind: --did <did or prefix>, or --any");
  const dids = did ?? "any";
  await withKeys(values["data-dir"], environment, async (keys) => {
    const { id, key } = await keys.create({ dids, ...(name !== undefined && { name }) });
    console.log(`id ${id}\nkey ${key}`);
  });
}

/** Lists the API keys of a data directory. */
export async function listKeys(args: readonly string[], environment: KeysEnvironment): Promise<void> {
  const { values } = parseOptions("layr8-node", { args: [...args], options: { "data-dir": { type: "string" } } });
  await withKeys(values["data-dir"], environment, async (keys) => {
    for (const { id, name, dids, createdAt } of keys.list()) {
      console.log([id, new Date(createdAt).toISOString(), name, dids === "any" ? "any DID" : dids.join(" ")].join("\t"));
    }
  });
}

/** Revokes an API key of a data directory. */
export async function revokeKey(args: readonly string[], environment: KeysEnvironment): Promise<void> {
  const { values, positionals } = parseOptions("layr8-node", {
    args: [...args],
    options: { "data-dir": { type: "string" } },
    allowPositionals: true,
  });
  const [id] = positionals;
  if (id === undefined) throw new TypeError("say which key: layr8-node keys revoke <id> --data-dir <path>");
  await withKeys(values["data-dir"], environment, async (keys) => {
    if (!(await keys.revoke(id))) throw new TypeError(`there is no key with the id ${id}`);
  });
}

async function withKeys(dataDir: string | undefined, { nodeKey }: KeysEnvironment, use: (keys: ApiKeys) => Promise<void>): Promise<void> {
  if (dataDir === undefined) throw new TypeError("--data-dir is missing: API keys are kept there");
  // Loaded when the arguments are known to be right.
  await (await import("./with-keys.ts")).withKeys(dataDir, nodeKey, use);
}
