import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { isJsonObject } from "@parley/core";
import { rejectUnknownOptions } from "@parley/core/internal";
import { pino } from "pino";
import type { ResolutionOptions } from "../credentials/resolution.ts";
import { startNode } from "../node.ts";
import type { NodeOptions } from "../options.ts";

const LEVELS = ["fatal", "error", "warn", "info", "debug", "silent"];
const CONFIG_MEMBERS: readonly (keyof NodeOptions)[] = [
  "port",
  "host",
  "dataDir",
  "domain",
  "publicUrl",
  "trustProxy",
  "apiKeys",
  "policies",
  "resolution",
  "limits",
];

/** What the command takes from its environment: what should not be seen in a list of processes. */
export interface StartEnvironment {
  readonly apiKey: string | undefined;
  readonly nodeKey: Uint8Array | undefined;
}

/** Runs a node until SIGINT or SIGTERM. Prints what agents need to connect: its URL, and its API key where it had to make one. */
export async function start(args: readonly string[], { apiKey, nodeKey }: StartEnvironment): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string" },
      host: { type: "string" },
      "data-dir": { type: "string" },
      domain: { type: "string" },
      "public-url": { type: "string" },
      peer: { type: "string", multiple: true },
      "trust-proxy": { type: "boolean", default: false },
      config: { type: "string" },
      log: { type: "string", default: "info" },
    },
  });
  if (!LEVELS.includes(values.log)) throw new TypeError(`--log must be one of ${LEVELS.join(", ")}`);
  const config = values.config === undefined ? {} : await readConfig(values.config);
  const options: NodeOptions = {
    ...config,
    apiKeys: [...(config.apiKeys ?? []), ...(apiKey ? [{ key: apiKey, dids: "any" as const, name: "LAYR8_NODE_API_KEY" }] : [])],
    ...(nodeKey !== undefined && { nodeKey }),
    ...(values.port !== undefined && { port: readPort(values.port) }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
    ...(values.domain !== undefined && { domain: values.domain }),
    ...(values["public-url"] !== undefined && { publicUrl: values["public-url"] }),
    ...(values["trust-proxy"] && { trustProxy: true }),
    ...(values.peer !== undefined && { resolution: withPeers(config.resolution, values.peer) }),
  };
  const node = await startNode({ ...options, logger: pino({ name: "layr8-node", level: values.log }, pino.destination(2)) });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void node.close());
  console.log(`LAYR8_NODE_URL=${node.url}`);
  // Shown on purpose: it is nowhere else.
  if (node.apiKey !== undefined) console.log(`LAYR8_API_KEY=${node.apiKey}`);
}

/** `--peer partner.example=http://127.0.0.1:4001` is an entry of `resolution.hosts`. */
function withPeers(resolution: ResolutionOptions | undefined, peers: readonly string[]): ResolutionOptions {
  const hosts = peers.map((peer): [host: string, origin: string] => {
    const [, host, origin] = /^([^=]+)=(.+)$/.exec(peer) ?? [];
    if (host === undefined || origin === undefined)
      throw new TypeError(`--peer ${peer} must be <host>=<origin>, such as partner.example=http://127.0.0.1:4001`);
    return [host, origin];
  });
  return { ...resolution, hosts: { ...resolution?.hosts, ...Object.fromEntries(hosts) } };
}

function readPort(text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError(`--port ${text} is not a port`);
  return port;
}

async function readConfig(path: string): Promise<NodeOptions> {
  let config: unknown;
  try {
    config = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new TypeError(`--config ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!isJsonObject(config)) throw new TypeError(`--config ${path}: must hold a JSON object`);
  try {
    rejectUnknownOptions(config, CONFIG_MEMBERS);
  } catch (error) {
    throw new TypeError(`--config ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return config;
}
