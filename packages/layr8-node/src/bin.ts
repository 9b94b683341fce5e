import { createRequire } from "node:module";
import { describeThrown } from "@parley/core/internal";
import { readNodeKey } from "./cli/read-node-key.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };

const USAGE = `layr8-node [start] [options]        runs a node
layr8-node keys create [options]    creates an API key and prints it once
layr8-node keys list [options]      lists the API keys
layr8-node keys revoke <id> [options]
layr8-node --version

Example: a node that keeps its data, and an agent of it
  layr8-node --data-dir ./node-data --write-env .env
  node --env-file=.env agent.mjs

start:
  --port <n>          port to listen on, 0 for a free one (default 4000)
  --host <address>    address to bind (default 127.0.0.1: this machine only)
  --data-dir <path>   where inboxes, DIDs and keys are kept; without it all data is lost when the node stops
  --domain <domain>   domain of the DIDs that the node assigns (default localhost%3A<port>)
  --public-url <url>  origin under which other machines reach the node (default: that of --domain)
  --peer <host>=<url> address of another node, used instead of DNS: partner.example=http://127.0.0.1:4001; may be repeated
  --known-hosts-only  accept messages from other nodes only from hosts of --peer, --known-host and the configuration
  --known-host <host> a host whose messages are accepted, such as partner.example; may be repeated; implies --known-hosts-only
  --accept-clock      trust the clock however far it is ahead of the last run, and expire messages and DIDs by it at once
  --trust-proxy [<n>] proxies stand in front, n one behind the other (1 without a value), or <address>,<network>,…: their addresses;
                      client addresses are then read from X-Forwarded-For
  --metrics-port <n>  port for /health and /metrics, which --port then does not serve
  --write-env <file>  write LAYR8_NODE_URL and, when it is new, LAYR8_API_KEY into a file for node --env-file (mode 0600)
  --config <file>     JSON with any of: port, host, dataDir, domain, publicUrl, trustProxy, metricsPort, apiKeys, policies, resolution, knownHosts, limits
  --log <level>       fatal, error, warn, info, debug or silent (default info)

keys, while no node runs on the directory:
  --data-dir <path>   the node's directory
  --name <name>       display name of the key
  --did <did>         a DID that it may bind, or a prefix such as 'did:web:acme.example:*'; may be repeated
  --any               it may bind any DID

Environment:
  LAYR8_NODE_API_KEY  an API key that may bind any DID, in addition to those of the directory and of --config
  LAYR8_NODE_KEY      32 random bytes in base64, which encrypt private keys at rest; without it they are in node.key of the directory
`;

/** Loads only what the command needs. */
async function main(args: readonly string[]): Promise<void> {
  const [command = "", subcommand = ""] = args;
  const environment = () => ({ apiKey: process.env["LAYR8_NODE_API_KEY"], nodeKey: readNodeKey(process.env["LAYR8_NODE_KEY"]) });
  if (args.includes("--help") || args.includes("-h") || command === "help") {
    console.log(USAGE);
  } else if (command === "--version") {
    console.log(version);
  } else if (command === "" || command === "start" || command.startsWith("-")) {
    await (await import("./cli/start.ts")).start(command === "start" ? args.slice(1) : args, environment());
  } else if (command === "keys" && subcommand === "create") {
    await (await import("./cli/keys.ts")).createKey(args.slice(2), environment());
  } else if (command === "keys" && subcommand === "list") {
    await (await import("./cli/keys.ts")).listKeys(args.slice(2), environment());
  } else if (command === "keys" && subcommand === "revoke") {
    await (await import("./cli/keys.ts")).revokeKey(args.slice(2), environment());
  } else {
    const { unknownCommand } = await import("@parley/server-kit");
    const words = args.slice(0, 2).filter((word) => !word.startsWith("-"));
    throw unknownCommand("layr8-node", words, ["start", "keys create", "keys list", "keys revoke"]);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`layr8-node: ${describeThrown(error)}`);
  process.exitCode = 1;
});
