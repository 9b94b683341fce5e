import { runCommand } from "@parley/server-kit";

await runCommand("skytale-server", process.env, {
  start: async () => (await import("./cli/start.ts")).start,
  "accounts create": async () => (await import("./cli/accounts.ts")).createAccount,
  "accounts list": async () => (await import("./cli/accounts.ts")).listAccounts,
  "cluster status": async () => (await import("./cli/cluster.ts")).CLUSTER.status,
  "cluster import": async () => (await import("./cli/cluster.ts")).clusterImport,
  "cluster export": async () => (await import("./cli/cluster.ts")).CLUSTER.export,
  "cluster restore": async () => (await import("./cli/cluster.ts")).CLUSTER.restore,
  "keys create": async () => (await import("./cli/keys.ts")).createKey,
  "keys list": async () => (await import("./cli/keys.ts")).listKeys,
  "keys revoke": async () => (await import("./cli/keys.ts")).revokeKey,
});
