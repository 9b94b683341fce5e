import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CliError, EXIT } from "../cli-error.ts";
import { rejectUnused } from "../command/reject-unused.ts";
import type { Runtime } from "../command/runtime.ts";
import type { ServerName } from "../settings/settings.ts";
import { AdminClient, type AdminCommandOptions } from "./admin-client.ts";
import type { BackupOutput } from "./admin-output.ts";

/** Options of `parley backup`. */
interface BackupOptions extends AdminCommandOptions {
  readonly server: ServerName;
  /** The data directory of a server that does not run. */
  readonly dataDir?: string;
}

/** Backs up a server: a running one through its admin server, or a data directory. */
export async function backup(runtime: Runtime, options: BackupOptions, target: string): Promise<void> {
  const { server, dataDir } = options;
  const directory = resolve(target);
  if (dataDir === undefined) {
    const client = await AdminClient.find(server, runtime, options);
    await client.act("backup", { directory });
  } else {
    rejectUnused(runtime, ["--context", "--timeout"], "with --data-dir no server is asked");
    const create =
      server === "node" ? (await import("@parley/layr8-node")).backupNode : (await import("@parley/skytale-server")).backupSkytale;
    await create({ dataDir, backup: directory });
  }
  const result: BackupOutput = { server, directory };
  runtime.output.data(result, () => directory);
  runtime.output.note("Keep it like a password: it has messages, and the key that opens the private keys.");
}

/** Creates a data directory from a backup. @throws CliError `not_a_backup`; as `restoreNode` */
export async function restore({ output }: Runtime, { dataDir }: { readonly dataDir: string }, source: string): Promise<void> {
  const server = await serverOf(source);
  const create =
    server === "node" ? (await import("@parley/layr8-node")).restoreNode : (await import("@parley/skytale-server")).restoreSkytale;
  const directory = resolve(dataDir);
  await create({ backup: resolve(source), dataDir: directory });
  const result: BackupOutput = { server, directory };
  output.data(result, () => directory);
}

async function serverOf(source: string): Promise<ServerName> {
  const text = await readFile(join(source, "backup.json"), "utf8").catch(() => undefined);
  const name = /"name": *"(node|skytale)"/.exec(text ?? "")?.[1];
  if (name === "node" || name === "skytale") return name;
  throw new CliError("not_a_backup", `${source} is not a complete backup: backup.json is missing or unreadable`, {
    exit: EXIT.usage,
    remedy: "name the directory that `parley backup` has printed",
  });
}
