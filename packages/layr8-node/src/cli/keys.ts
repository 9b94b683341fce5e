import { parseOptions } from "@parley/server-kit";
import type { ApiKeys } from "../identity/api-keys.ts";

/** Environment variables of the commands. */
interface KeysEnvironment {
  readonly nodeKey: Uint8Array | undefined;
}

/** Creates an API key in a data directory and prints it. */
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
  if (any === (did !== undefined)) throw new TypeError("missing option: --did <did or prefix>, or --any for any DID");
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
  if (id === undefined) throw new TypeError("missing key id: layr8-node keys revoke <id> --data-dir <path>");
  await withKeys(values["data-dir"], environment, async (keys) => {
    if (!(await keys.revoke(id))) throw new TypeError(`unknown API key id: ${id}`);
  });
}

async function withKeys(dataDir: string | undefined, { nodeKey }: KeysEnvironment, use: (keys: ApiKeys) => Promise<void>): Promise<void> {
  if (dataDir === undefined) throw new TypeError("missing option --data-dir <path>: the directory that stores the API keys");
  // Loaded only after the arguments are checked.
  await (await import("./with-keys.ts")).withKeys(dataDir, nodeKey, use);
}
