import { runCommand } from "@parley/server-kit";

await runCommand("layr8-node", process.env, {
  start: async () => (await import("./cli/start.ts")).start,
  "keys create": async () => (await import("./cli/keys.ts")).createKey,
  "keys list": async () => (await import("./cli/keys.ts")).listKeys,
  "keys revoke": async () => (await import("./cli/keys.ts")).revokeKey,
});
