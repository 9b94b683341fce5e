import { createRequire } from "node:module";
import { describeThrown } from "@parley/core/internal";
import { readServerKey } from "./cli/read-server-key.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };

const USAGE = `skytale-server [start] [options]          runs relay and API
skytale-server accounts create [options]  creates an account and prints it with its first API key, once
skytale-server accounts list [options]    lists the accounts
skytale-server keys create [options]      creates an API key and prints it, once
skytale-server keys list [options]        lists the API keys of an account
skytale-server keys revoke <id> [options]
skytale-server --version

Example: a server that keeps its data, and an agent of it
  skytale-server --data-dir ./skytale-data --write-env .env
  node --env-file=.env agent.mjs

start:
  --port <n>          port of the API, 0 for a free one (default 5100)
  --relay-port <n>    port of the relay, 0 for a free one (default 5000)
  --host <address>    address to bind (default 127.0.0.1: this machine only)
  --data-dir <path>   directory of all data; without it all data is lost when the server stops
  --signup <mode>     open: any client of the API can create an account (default); closed: only this command
  --accept-clock      trust a clock that is far ahead of the last run: expired data is removed at once
  --workers           run the API in a process of its own: its calls don't delay the relay
  --trust-proxy <n>   proxies in front of the API: their number, or their addresses and networks (10.0.0.0/8,::1); default none
  --metrics-port <n>  port for /health and /metrics alone (default: they are on the API's port)
  --tls-cert <file>   PEM of the certificate chain, for TLS on both ports
  --tls-key <file>    PEM of its private key
  --write-env <file>  write SKYTALE_API_URL, SKYTALE_RELAY and, when it is new, SKYTALE_API_KEY into a file for node --env-file (mode 0600)
  --config <file>     JSON with any of: port, relayPort, host, dataDir, signup, trustProxy, metricsPort, workers, tls, retention,
                      limits
  --log <level>       fatal, error, warn, info, debug or silent (default info)

In the environment: SKYTALE_SERVER_KEY, 32 bytes in base64 in place of the file server.key of the data directory, which seals the keys
that sign tokens.

accounts and keys, while no server runs on the directory:
  --data-dir <path>   the server's directory
  --email <address>   accounts create: identifies the account
  --account <id>      keys create, keys list: the account of the keys
  --name <name>       display name
  --test              keys create: a key that begins with sk_test_
`;

type Command = (args: readonly string[], serverKey: Uint8Array | undefined) => Promise<void>;

/** Each loads only what it needs. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import("./cli/start.ts")).start,
  "accounts create": async () => (await import("./cli/accounts.ts")).createAccount,
  "accounts list": async () => (await import("./cli/accounts.ts")).listAccounts,
  "keys create": async () => (await import("./cli/keys.ts")).createKey,
  "keys list": async () => (await import("./cli/keys.ts")).listKeys,
  "keys revoke": async () => (await import("./cli/keys.ts")).revokeKey,
};

async function main(args: readonly string[]): Promise<void> {
  const [command = ""] = args;
  if (args.includes("--help") || args.includes("-h") || command === "help") return console.log(USAGE);
  if (command === "--version") return console.log(version);
  const isStart = command === "" || command === "start" || command.startsWith("-");
  const name = isStart ? "start" : args.slice(0, 2).join(" ");
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const { unknownCommand } = await import("@parley/server-kit");
    const typed = args.slice(0, 2).filter((word) => !word.startsWith("-"));
    throw unknownCommand("skytale-server", typed, Object.keys(COMMANDS));
  }
  const words = isStart ? Number(command === "start") : 2;
  await (
    await load()
  )(args.slice(words), readServerKey(process.env["SKYTALE_SERVER_KEY"]));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`skytale-server: ${describeThrown(error)}`);
  process.exitCode = 1;
});
