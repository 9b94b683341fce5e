import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { AdminServer, type PerformedAction } from "@parley/admin";
import { CONSOLE_FILES } from "@parley/console";
import { closeQuietly, closeTogether } from "@parley/core/internal";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { listenError, probePort } from "@parley/server-kit";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import type { Logger } from "pino";
import { CliError, EXIT } from "../cli-error.ts";
import type { DevDirectory, DevKeys } from "./dev-directory.ts";
import { LENSES, type DevEnvironment } from "./dev-state.ts";
import { besideSecondNode, describeSecondNode, type SecondNode, startSecondNode } from "./second-node.ts";

/** Ports of the servers; 0 is a free one. */
export interface DevPorts {
  readonly node: number;
  readonly api: number;
  readonly relay: number;
  readonly admin: number;
  /** Of the second node. */
  readonly second: number;
}

/** What is needed to start the servers. */
export interface DevServersOptions {
  readonly directory: DevDirectory;
  /** Whether the servers keep their data in memory only. */
  readonly inMemory: boolean;
  readonly ports: DevPorts;
  readonly hasConsole: boolean;
  readonly hasTwoNodes: boolean;
  readonly loggers: { readonly node: Logger; readonly second: Logger; readonly skytale: Logger };
}

/** The running servers. */
export interface DevServers {
  readonly nodeHttpUrl: string;
  readonly environment: DevEnvironment;
  /** Address of the console, with its token. */
  readonly consoleUrl: string | undefined;
  readonly admin: AdminServer | undefined;
  readonly secondNode: SecondNode | undefined;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
/** Accounts of the server that are searched for the operator's. */
const PAGE = 1;

/**
 * Starts all servers, or none.
 *
 * @throws CliError `port_in_use`, `port_forbidden`; StorageError of a data directory.
 */
export async function startServers(options: DevServersOptions): Promise<DevServers> {
  const { hasTwoNodes, hasConsole } = options;
  await checkPorts(options.ports, options);
  // Each of two nodes must know the port of the other before it starts.
  const ports = hasTwoNodes ? await withFixedPorts(options.ports) : options.ports;
  const { directory, inMemory, loggers } = options;
  const admin = hasConsole
    ? new AdminServer({
        port: ports.admin,
        files: CONSOLE_FILES,
        actions: true,
        bodies: true,
        lenses: join(directory.path, LENSES),
        portOption: "--admin-port",
        onAction: (action) => logAction(action, loggers),
      })
    : undefined;
  const hub = admin === undefined ? {} : { admin };
  const stored: DevKeys = inMemory ? {} : await directory.readKeys();
  const nodeKey = stored.node ?? `dev_${randomBytes(24).toString("base64url")}`;
  const dataDir = (name: string): { readonly dataDir?: string } => (inMemory ? {} : { dataDir: join(directory.path, name) });
  const started = await Promise.allSettled([
    startNode({
      ...(hasTwoNodes && besideSecondNode(ports.second, HOST)),
      port: ports.node,
      host: HOST,
      ...dataDir("node"),
      apiKeys: [{ key: nodeKey, dids: "any", name: "parley dev" }],
      deadLetters: true,
      logger: loggers.node,
      ...hub,
    }),
    startSkytale({ port: ports.api, relayPort: ports.relay, host: HOST, ...dataDir("skytale"), logger: loggers.skytale, ...hub }),
    hasTwoNodes
      ? startSecondNode({
          port: ports.second,
          host: HOST,
          directory: inMemory ? undefined : directory.path,
          apiKey: nodeKey,
          hasConsole,
          logger: loggers.second,
          firstUrl: `http://${HOST}:${ports.node}`,
        })
      : undefined,
  ]);
  const [node, skytale, second] = started;
  if (node.status === "rejected" || skytale.status === "rejected" || second.status === "rejected") {
    await closeQuietly(...started.map((result) => () => (result.status === "fulfilled" ? result.value?.close() : undefined)));
    throw started.find((result) => result.status === "rejected")?.reason;
  }
  return describe(node.value, skytale.value, {
    second: second.value,
    directory,
    inMemory,
    nodeKey,
    skytaleKey: stored.skytale,
    admin,
  });
}

async function describe(
  node: Layr8Node,
  skytale: SkytaleServer,
  keys: {
    readonly directory: DevDirectory;
    readonly inMemory: boolean;
    readonly nodeKey: string;
    readonly skytaleKey: string | undefined;
    readonly admin: AdminServer | undefined;
    readonly second: Layr8Node | undefined;
  },
): Promise<DevServers> {
  const close = (): Promise<void> =>
    closeTogether(
      () => keys.admin?.close(),
      () => node.close(),
      () => skytale.close(),
      () => keys.second?.close(),
    );
  try {
    const stored = keys.skytaleKey !== undefined && (await isAccepted(skytale, keys.skytaleKey)) ? keys.skytaleKey : undefined;
    const skytaleKey = skytale.apiKey ?? stored ?? (await createKey(skytale));
    if (!keys.inMemory) await keys.directory.writeKeys({ node: keys.nodeKey, skytale: skytaleKey });
    await keys.admin?.listen();
    return {
      consoleUrl: keys.admin?.url,
      secondNode: keys.second && describeSecondNode(keys.second),
      nodeHttpUrl: node.httpUrl,
      environment: {
        LAYR8_NODE_URL: node.url,
        LAYR8_API_KEY: keys.nodeKey,
        SKYTALE_API_URL: skytale.apiUrl,
        SKYTALE_RELAY: skytale.relayUrl,
        SKYTALE_API_KEY: skytaleKey,
        SKYTALE_LENS: join(keys.directory.path, LENSES),
      },
      admin: keys.admin,
      close,
    };
  } catch (error) {
    await closeQuietly(close);
    throw error;
  }
}

/** Whether the API server knows a key: it may have been revoked. */
async function isAccepted({ apiUrl }: SkytaleServer, key: string): Promise<boolean> {
  const response = await fetch(`${apiUrl}/v1/accounts/me`, { headers: { authorization: `Bearer ${key}` } });
  await response.body?.cancel();
  return response.status !== 401;
}

/** Prints who did what with `parley` or in the console. Keys are named by their ids. */
function logAction({ source, error, about, ...action }: PerformedAction, loggers: DevServersOptions["loggers"]): void {
  const logger = source === "skytale" ? loggers.skytale : loggers.node;
  const line = { ...action, ...about, reason: error };
  if (error === undefined) logger.info(line, "admin action");
  else logger.warn(line, "admin action failed");
}

/** The account exists and its key is lost or revoked: the process was killed between both, or the file was removed. */
async function createKey(skytale: SkytaleServer): Promise<string> {
  const [account] = await skytale.listAccounts({ limit: PAGE });
  if (account === undefined) throw new CliError("no_account", "the skytale server has no account", { remedy: "run `parley dev --reset`" });
  return (await skytale.createApiKey(account.id, { name: "parley dev" })).key;
}

async function withFixedPorts(ports: DevPorts): Promise<DevPorts> {
  return { ...ports, node: ports.node || (await freePort()), second: ports.second || (await freePort()) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, HOST), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Called before anything is started. The servers' own checks would name their options, which this command doesn't have. */
async function checkPorts(
  ports: DevPorts,
  { hasConsole, hasTwoNodes }: Pick<DevServersOptions, "hasConsole" | "hasTwoNodes">,
): Promise<void> {
  const wanted = [
    { port: ports.node, option: "--node-port", server: "the node" },
    { port: ports.api, option: "--api-port", server: "the API server" },
    { port: ports.relay, option: "--relay-port", server: "the relay" },
    { port: hasConsole ? ports.admin : 0, option: "--admin-port", server: "the console" },
    { port: hasTwoNodes ? ports.second : 0, option: "--second-port", server: "the second node" },
  ].filter(({ port }) => port !== 0);
  for (const [index, { port, option }] of wanted.entries()) {
    const other = wanted.slice(0, index).find((earlier) => earlier.port === port);
    if (other !== undefined) throw new CliError("usage", `${other.option} and ${option} are both ${port}`, { exit: EXIT.usage });
  }
  for (const { port, option, server } of wanted) {
    await probePort(HOST, port).catch((error: unknown) => {
      const failure = listenError(error, { host: HOST, port, option }) as Error & { readonly code?: string };
      if (failure.code === "EADDRINUSE") {
        throw new CliError("port_in_use", `port ${port} for ${server} is in use by another process`, {
          remedy: `stop that process, or choose another port with ${option} <port> or --free-ports`,
          cause: error,
        });
      }
      throw new CliError("port_forbidden", failure.message, { remedy: `choose another port with ${option} <port>`, cause: error });
    });
  }
}
