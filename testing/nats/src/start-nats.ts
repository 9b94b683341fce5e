import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canReplicate } from "./can-replicate.ts";
import type { Machine } from "./machines.ts";
import { NatsServer, type NatsServers } from "./nats-server.ts";

/** What to start. */
export interface NatsOptions {
  /** Default 1. */
  readonly count?: 1 | 3;
  /** Flushes each message to disk before it is acknowledged. Needs 2.10 or later. Default false. */
  readonly syncAlways?: boolean;
  /** Where each server runs. Default: all on this machine, on loopback. */
  readonly machines?: readonly Machine[];
}

/** On a busy machine a fresh cluster may take more than a minute until it replicates, or never do. */
const REPLICATES_WITHIN_MS = 60_000;
const ATTEMPTS = 4;
const LOOPBACK = "127.0.0.1";

/**
 * Starts one server, or three that replicate, on loopback with files in a temporary directory. Check `missingNats` first.
 *
 * @throws Error if the servers don't start, or don't replicate.
 */
export async function startNats({ count = 1, syncAlways = false, machines = [] }: NatsOptions = {}): Promise<NatsServers> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const nats = await startServers(count, syncAlways, machines);
    if (count === 1 || (await canReplicate(nats.urls, REPLICATES_WITHIN_MS))) return nats;
    await nats.stop();
  }
  throw new Error(`${ATTEMPTS} clusters of NATS servers did not replicate within ${REPLICATES_WITHIN_MS} ms each`);
}

async function startServers(count: number, syncAlways: boolean, machines: readonly Machine[]): Promise<NatsServers> {
  const directory = await mkdtemp(join(tmpdir(), "nats-"));
  const ports = await freePorts(count * 2);
  const addresses = Array.from(ports, (port, index) => `${machines[index % count]?.host ?? LOOPBACK}:${port}`);
  const clients = addresses.slice(0, count);
  const routes = addresses.slice(count);
  const servers: NatsServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.signal("SIGKILL")));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const [index, listen] of clients.entries()) {
      const name = `s${index}`;
      const path = join(directory, `${name}.conf`);
      await writeFile(path, configOf({ name, listen, store: join(directory, name), syncAlways, routes, index }));
      servers.push(new NatsServer(name, new URL(`nats://${listen}`), ["-c", path], machines[index]?.enter));
    }
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: clients.map((address) => `nats://${address}`), servers, stop };
}

interface Config {
  readonly name: string;
  readonly listen: string;
  readonly store: string;
  readonly syncAlways: boolean;
  readonly routes: readonly string[];
  readonly index: number;
}

function configOf({ name, listen, store, syncAlways, routes, index }: Config): string {
  const lines = [
    `server_name: ${name}`,
    `listen: "${listen}"`,
    "max_payload: 8MB",
    `jetstream { store_dir: "${store}"${syncAlways ? ", sync_interval: always" : ""} }`,
  ];
  if (routes.length > 1) {
    const urls = routes.map((route) => `"nats://${route}"`).join(", ");
    lines.push(`cluster { name: test, listen: "${routes[index]}", routes: [${urls}] }`);
  }
  return `${lines.join("\n")}\n`;
}

/** Ports that were free a moment ago. Servers of a cluster have to know each other's before they start. */
async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(Array.from({ length: count }, holdPort));
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

function holdPort(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject).listen(0, LOOPBACK, () => resolve(server));
  });
}
