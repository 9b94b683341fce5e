import { createServer, type AddressInfo } from "node:net";
import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { KEY } from "./scene.ts";

/** Ports that are free at the same time. */
async function freePorts<Name extends string>(names: readonly Name[]): Promise<Map<Name, number>> {
  const servers = await Promise.all(
    names.map(async (name) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return [name, server] as const;
    }),
  );
  const ports = new Map(servers.map(([name, server]) => [name, (server.address() as AddressInfo).port] as const));
  await Promise.all(servers.map(([, server]) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/**
 * Starts nodes that know each other, each with the domain `<name>.localhost`. Another process may take a port in the moment before: then they start on others.
 *
 * @param optionsOf options of a node.
 */
export async function startNodes<Name extends string>(
  names: readonly Name[],
  optionsOf: (name: Name) => NodeOptions,
  attempts = 5,
): Promise<Map<Name, Layr8Node>> {
  const ports = await freePorts(names);
  const hosts = Object.fromEntries(names.map((name) => [`${name}.localhost`, `http://127.0.0.1:${ports.get(name)}`]));
  const nodes = new Map<Name, Layr8Node>();
  try {
    for (const name of names) {
      const node = await startNode({
        port: ports.get(name) ?? 0,
        domain: `${name}.localhost`,
        logger: false,
        apiKeys: [{ key: KEY, dids: "any" }],
        resolution: { hosts, cacheTtlMs: 0 },
        ...optionsOf(name),
      });
      nodes.set(name, node);
    }
  } catch (error) {
    await Promise.all(Array.from(nodes.values(), (node) => node.close()));
    if (attempts > 1 && (error as { code?: string }).code === "EADDRINUSE") return startNodes(names, optionsOf, attempts - 1);
    throw error;
  }
  return nodes;
}
