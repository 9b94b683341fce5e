import type { Runtime } from "../command/runtime.ts";
import type { ServerName } from "../settings/settings.ts";
import { AdminClient, type AdminCommandOptions, type Parameters } from "./admin-client.ts";
import type { ChangedOutput } from "./admin-output.ts";

/** Runs an action of a server, and prints what was done. Returns the answer of the server. */
export async function change(
  runtime: Runtime,
  options: AdminCommandOptions,
  {
    server,
    action,
    parameters = {},
    done,
  }: { readonly server: ServerName; readonly action: string; readonly parameters?: Parameters; readonly done: string },
): Promise<unknown> {
  const client = await AdminClient.find(server, runtime, options);
  const result: ChangedOutput = { action, server, result: await client.act(action, parameters) };
  runtime.output.data(result, () => done);
  return result.result;
}

/** A time as commands print it. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
