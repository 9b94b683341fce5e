import {
  LOG_LEVELS,
  parseOptions,
  readConfigFile,
  readPortOption,
  readTrustProxyOption,
  serverLogger,
  withOneProxy,
  writeEnvFile,
} from "@parley/server-kit";
import type { ResolutionOptions } from "../network/resolution.ts";
import type { NodeOptions } from "../options.ts";

const CONFIG_MEMBERS: readonly (keyof NodeOptions)[] = [
  "port",
  "host",
  "dataDir",
  "domain",
  "publicUrl",
  "trustProxy",
  "metricsPort",
  "apiKeys",
  "policies",
  "resolution",
  "knownHosts",
  "limits",
];

/** Secrets from the environment, which must not appear in a process list. */
export interface StartEnvironment {
  readonly apiKey: string | undefined;
  readonly nodeKey: Uint8Array | undefined;
}

/** Runs a node until SIGINT or SIGTERM. Prints what agents need to connect: its URL, and its API key if one was created. */
export async function start(args: readonly string[], { apiKey, nodeKey }: StartEnvironment): Promise<void> {
  const { values } = parseOptions("layr8-node", {
    args: withOneProxy(args),
    options: {
      port: { type: "string" },
      host: { type: "string" },
      "data-dir": { type: "string" },
      domain: { type: "string" },
      "public-url": { type: "string" },
      peer: { type: "string", multiple: true },
      "known-hosts-only": { type: "boolean", default: false },
      "known-host": { type: "string", multiple: true },
      "accept-clock": { type: "boolean", default: false },
      "trust-proxy": { type: "string" },
      "metrics-port": { type: "string" },
      config: { type: "string" },
      "write-env": { type: "string" },
      log: { type: "string", default: "info" },
    },
  });
  if (!LOG_LEVELS.includes(values.log)) throw new TypeError(`--log must be one of ${LOG_LEVELS.join(", ")}`);
  const config: NodeOptions = values.config === undefined ? {} : await readConfigFile(values.config, CONFIG_MEMBERS);
  const options: NodeOptions = {
    ...config,
    apiKeys: [...(config.apiKeys ?? []), ...(apiKey ? [{ key: apiKey, dids: "any" as const, name: "LAYR8_NODE_API_KEY" }] : [])],
    ...(nodeKey !== undefined && { nodeKey }),
    ...(values.port !== undefined && { port: readPortOption("--port", values.port) }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
    ...(values.domain !== undefined && { domain: values.domain }),
    ...(values["public-url"] !== undefined && { publicUrl: values["public-url"] }),
    ...(values["accept-clock"] && { acceptClock: true }),
    ...(values["metrics-port"] !== undefined && { metricsPort: readPortOption("--metrics-port", values["metrics-port"]) }),
    ...(values["trust-proxy"] !== undefined && { trustProxy: readTrustProxyOption("--trust-proxy", values["trust-proxy"]) }),
    ...((values["known-hosts-only"] || values["known-host"] !== undefined) && {
      knownHosts: [...(config.knownHosts ?? []), ...(values["known-host"] ?? [])],
    }),
    ...(values.peer !== undefined && { resolution: withPeers(config.resolution, values.peer) }),
  };
  const logger = serverLogger("layr8-node", values.log);
  // Loaded only after the arguments are checked.
  const { startNode } = await import("../node.ts");
  const node = await startNode({ ...options, logger });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void node.close());
  console.log(`LAYR8_NODE_URL=${node.url}`);
  // Printed intentionally: the key can't be read again.
  if (node.apiKey !== undefined) console.log(`LAYR8_API_KEY=${node.apiKey}`);
  else if (options.dataDir !== undefined && options.apiKeys?.length === 0) logger.info(keyHint(options.dataDir));
  if (values["write-env"] === undefined) return;
  const variables = { LAYR8_NODE_URL: node.url, ...(node.apiKey !== undefined && { LAYR8_API_KEY: node.apiKey }) };
  await writeEnvFile(values["write-env"], variables).catch(async (error: unknown) => {
    await node.close();
    throw error;
  });
}

function keyHint(dataDir: string): string {
  const command = `layr8-node keys create --any --data-dir ${dataDir}`;
  return `the API key was shown when it was created; to create another one, stop the node and run: ${command}`;
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
