import { type Command, readSecretKey, runServer, type ServerProgram } from "@parley/server-kit";
import type { ResolutionOptions } from "../network/resolution.ts";
import type { Layr8Node } from "../layr8-node.ts";
import { NODE_OPTIONS, type NodeOptions } from "../options.ts";

/** The node as its command starts it. */
export const NODE_PROGRAM: ServerProgram<NodeOptions, Layr8Node> = {
  name: "layr8-node",
  schema: NODE_OPTIONS,
  flags: {
    peer: {
      value: "<host>=<url>",
      multiple: true,
      help: "Address of another node, used instead of DNS: partner.example=http://127.0.0.1:4001; may be repeated",
    },
    "known-hosts-only": {
      value: "",
      help: "Accept messages from other nodes only from hosts of --peer, --known-host and the configuration",
    },
    "known-host": {
      value: "<host>",
      multiple: true,
      help: "A host whose messages are accepted, such as partner.example; may be repeated; implies --known-hosts-only",
    },
  },
  complete: ({ apiKeys = [], knownHosts = [], resolution }, values, environment) => {
    const apiKey = environment["LAYR8_NODE_API_KEY"];
    const nodeKey = readSecretKey(environment, "LAYR8_NODE_KEY");
    const { peer, "known-host": known = [], "known-hosts-only": knownOnly = known.length > 0 } = values as StartFlags;
    return {
      apiKeys: apiKey ? [...apiKeys, { key: apiKey, dids: "any", name: "LAYR8_NODE_API_KEY" }] : apiKeys,
      ...(nodeKey !== undefined && { nodeKey }),
      ...(knownOnly && { knownHosts: [...knownHosts, ...known] }),
      ...(peer !== undefined && { resolution: withPeers(resolution, peer) }),
    };
  },
  start: async (options, readConfigAgain) => {
    const readPolicies = readConfigAgain && (async () => (await readConfigAgain()).policies ?? []);
    return (await import("../node.ts")).startNode({ ...options, ...(readPolicies && { readPolicies }) });
  },
  reload: async (node) => `policies reloaded: ${await node.reloadPolicies()} in force`,
  variables: ({ url, apiKey, adminUrl }) => ({
    LAYR8_NODE_URL: url,
    LAYR8_API_KEY: apiKey,
    ...(adminUrl !== undefined && { LAYR8_ADMIN_URL: adminUrl }),
  }),
  keyHint: ({ dataDir, apiKeys = [] }) => {
    if (dataDir === undefined || apiKeys.length > 0) return undefined;
    const command = `layr8-node keys create --any --data-dir ${dataDir}`;
    return `the API key was shown when it was created; to create another one, stop the node and run: ${command}`;
  },
};

/** Values of the flags above. */
interface StartFlags {
  readonly peer?: readonly string[];
  readonly "known-host"?: readonly string[];
  readonly "known-hosts-only"?: boolean;
}

/** Runs a node until SIGINT or SIGTERM. */
export const start: Command = (args, environment) => runServer(NODE_PROGRAM, args, environment);

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
