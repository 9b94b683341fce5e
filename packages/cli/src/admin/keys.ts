import { randomBytes } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { createKey, hashKey } from "@parley/server-kit";
import { z } from "zod";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import { rejectUnused } from "../command/reject-unused.ts";
import type { Runtime } from "../command/runtime.ts";
import { printable } from "../output/printable.ts";
import type { ServerName } from "../settings/settings.ts";
import { AdminClient, type AdminCommandOptions } from "./admin-client.ts";
import type { CreatedKeyOutput, KeysOutput } from "./admin-output.ts";
import { allAccounts } from "./agents.ts";
import { change, isoTime } from "./change.ts";

/** Options of `parley keys`. */
interface KeyOptions extends AdminCommandOptions {
  readonly server: ServerName;
}

/** Options of `parley keys create`. */
interface CreateOptions extends KeyOptions {
  readonly name?: string;
  readonly did?: readonly string[];
  readonly any?: boolean;
  readonly account?: string;
  readonly test?: boolean;
}

const KEYS = z.object({
  keys: z.array(z.object({ id: z.string(), name: z.string(), rule: z.string(), createdAt: z.number() })),
});
const CREATED = z.object({ id: z.string() });
const ID_BYTES = 12;

/** Lists the API keys of a server, without the keys themselves. */
export async function listKeys(runtime: Runtime, options: KeyOptions): Promise<void> {
  const client = await AdminClient.find(options.server, runtime, options);
  const keys = options.server === "node" ? await keysOfNode(client) : await keysOfAccounts(client);
  const result: KeysOutput = { keys };
  runtime.output.data(result, () =>
    keys.map(({ id, createdAt, name, rule, account }) => [id, createdAt, printable(name), rule ?? account].join("\t")).join("\n"),
  );
}

/**
 * Makes an API key here and gives the server its hash, so that the key itself is sent nowhere. Prints the key once.
 *
 * @throws CliError `usage`
 */
export async function createApiKey(runtime: Runtime, options: CreateOptions): Promise<void> {
  const { server, name } = options;
  if (server === "node") rejectUnused(runtime, ["--account", "--test"], "it is for keys of a skytale server (--server skytale)");
  else rejectUnused(runtime, ["--did", "--any"], "it is for keys of a node (--server node)");
  const { key, parameters } = server === "node" ? newNodeKey(options) : newAccountKey(options);
  const client = await AdminClient.find(server, runtime, options);
  const created = CREATED.parse(await client.act("create-key", { ...parameters, name, hash: hashKey(key) }));
  const result: CreatedKeyOutput = { id: created.id, key };
  runtime.output.data(result, () => `id ${created.id}\nkey ${key}`);
  runtime.output.note("The key can't be shown again.");
}

/** Revokes an API key, and ends its connections. Says so if the configuration of the server has it, too. */
export async function revokeKey(runtime: Runtime, { server, ...options }: KeyOptions, key: string): Promise<void> {
  const result = await change(runtime, options, { server, action: "revoke-key", parameters: { key }, done: `Revoked ${key}.` });
  if (!isJsonObject(result) || result["validAfterRestart"] !== true) return;
  runtime.output.note(
    "The configuration of the node has this key: from the next start on it is valid again, unless you remove it there. The key of `parley dev` is in " +
      "dev-keys.json of its data directory: empty that file, and the next start makes another one.",
  );
}

/** Replaces the key that encrypts secrets in the data directory. */
export async function rotateKey(runtime: Runtime, { server, ...options }: KeyOptions): Promise<void> {
  const action = server === "node" ? "rotate-node-key" : "rotate-server-key";
  const file = server === "node" ? "node.key" : "server.key";
  await change(runtime, options, { server, action, done: `Replaced ${file}. Back it up: earlier backups have their own.` });
}

/** Puts the policies of the node's configuration file in force. */
export async function reloadPolicies(runtime: Runtime, options: AdminCommandOptions): Promise<void> {
  await change(runtime, options, { server: "node", action: "reload-policies", done: "The policies are in force." });
}

function newNodeKey({ did, any = false }: CreateOptions): { readonly key: string; readonly parameters: { readonly dids: string } } {
  if (any && did !== undefined) throw usageError("--did has no effect: with --any the key may bind any DID", "give one of the two");
  if (!any && did === undefined) throw usageError("missing option --did <did or prefix>, or --any for any DID");
  return { key: createKey("l8_"), parameters: { dids: did === undefined ? "any" : did.join(" ") } };
}

function newAccountKey({ account, test = false }: CreateOptions): {
  readonly key: string;
  readonly parameters: { readonly account: string; readonly key: string; readonly mode: string };
} {
  if (account === undefined) {
    throw new CliError("usage", "missing option --account <id>", { exit: EXIT.usage, remedy: "`parley accounts list` shows all accounts" });
  }
  const mode = test ? "test" : "live";
  const id = newId();
  return { key: createKey(`sk_${mode}_${id}`), parameters: { account, key: id, mode } };
}

/** An id that does not begin like an option. */
function newId(): string {
  const id = randomBytes(ID_BYTES).toString("base64url");
  return id.startsWith("-") ? newId() : id;
}

async function keysOfNode(client: AdminClient): Promise<KeysOutput["keys"]> {
  const { keys } = await client.read("keys", KEYS);
  return keys.map(({ createdAt, ...key }) => ({ ...key, createdAt: isoTime(createdAt) }));
}

async function keysOfAccounts(client: AdminClient): Promise<KeysOutput["keys"]> {
  const accounts = await allAccounts(client);
  return accounts.flatMap(({ id: account, keys }) =>
    keys.map(({ id, name, createdAt }) => ({ id, name, createdAt: isoTime(createdAt), account })),
  );
}
