import { z } from "zod";
import type { Runtime } from "../command/runtime.ts";
import { printable } from "../output/printable.ts";
import { AdminClient, type AdminCommandOptions } from "./admin-client.ts";
import type { AccountsOutput, AgentsOutput } from "./admin-output.ts";
import { change, isoTime } from "./change.ts";

const AGENTS = z.object({
  total: z.number(),
  agents: z.array(z.object({ did: z.string(), isConnected: z.boolean(), storage: z.string(), key: z.string(), waiting: z.number() })),
});

/** An account with its API keys, as the admin server shows it. */
export interface ShownAccount {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly createdAt: number;
  readonly storedBytes: number;
  readonly keys: readonly { readonly id: string; readonly name: string; readonly createdAt: number }[];
}

const ACCOUNT: z.ZodType<ShownAccount> = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  createdAt: z.number(),
  storedBytes: z.number(),
  keys: z.array(z.object({ id: z.string(), name: z.string(), createdAt: z.number() })),
});
const ACCOUNTS = z.object({ hasMore: z.boolean(), accounts: z.array(ACCOUNT) });

/** Lists the agents of the node, connected ones first. */
export async function listAgents(runtime: Runtime, options: AdminCommandOptions, search: string | undefined): Promise<void> {
  const client = await AdminClient.find("node", runtime, options);
  const result: AgentsOutput = await client.read("agents", AGENTS, { q: search });
  runtime.output.data(result, ({ agents }) =>
    agents
      .map(({ did, isConnected, waiting, key }) =>
        [did, isConnected ? "connected" : "away", `${waiting} waiting`, printable(key)].join("\t"),
      )
      .join("\n"),
  );
}

/** Deletes an agent. */
export async function deleteAgent(runtime: Runtime, options: AdminCommandOptions, did: string): Promise<void> {
  await change(runtime, options, { server: "node", action: "delete-agent", parameters: { did }, done: `Deleted ${did}.` });
}

/** Lists the accounts of the skytale server. */
export async function listAccounts(runtime: Runtime, options: AdminCommandOptions): Promise<void> {
  const client = await AdminClient.find("skytale", runtime, options);
  const accounts = (await allAccounts(client)).map(({ keys, createdAt, ...account }) => ({
    ...account,
    createdAt: isoTime(createdAt),
    keys: keys.length,
  }));
  const result: AccountsOutput = { accounts };
  runtime.output.data(result, () =>
    accounts
      .map(({ id, email, keys, storedBytes }) =>
        [id, printable(email), `${keys} ${keys === 1 ? "key" : "keys"}`, `${storedBytes} B`].join("\t"),
      )
      .join("\n"),
  );
}

/** All accounts, page by page. */
export async function allAccounts(client: AdminClient): Promise<readonly ShownAccount[]> {
  const all: ShownAccount[] = [];
  for (let after: string | undefined; ;) {
    const page = await client.read("accounts", ACCOUNTS, { after });
    all.push(...page.accounts);
    after = page.accounts.at(-1)?.id;
    if (!page.hasMore || after === undefined) return all;
  }
}

/** Deletes an account. */
export async function deleteAccount(
  runtime: Runtime,
  { withChannels = false, ...options }: AdminCommandOptions & { readonly withChannels?: boolean },
  account: string,
): Promise<void> {
  const parameters = { account, ...(withChannels && { channels: "delete" }) };
  await change(runtime, options, { server: "skytale", action: "delete-account", parameters, done: `Deleted account ${account}.` });
}

/** Deletes a channel. */
export async function deleteChannel(runtime: Runtime, options: AdminCommandOptions, channel: string): Promise<void> {
  await change(runtime, options, { server: "skytale", action: "delete-channel", parameters: { channel }, done: `Deleted ${channel}.` });
}
