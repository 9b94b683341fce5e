import { isLocalhostName } from "@parley/core/internal";
import type { Runtime } from "../command/runtime.ts";
import { findDevState, isRunning, type DevState } from "../dev/dev-state.ts";
import { readServerUrl } from "../settings/server-url.ts";
import { findSettings } from "../settings/settings.ts";

/** Why `--context` has no effect on the look-up of other DIDs. */
export const ONLY_LOCAL = "only documents of DIDs below localhost are looked up at the node of a context";

/** Origins by host, as the option `hosts` of resolvers expects them. */
export type LocalHosts = Readonly<Record<string, string>>;

/**
 * Where the documents of DIDs below `localhost` are, such as `did:web:localhost:greeter`. Such a DID names no port, so only a node knows it: that of
 * the settings, or the other one of `parley dev --two-nodes`. Other hosts are found by DNS, and are not in the result.
 *
 * @throws CliError of settings that can't be read.
 */
export async function localHosts(
  { environment }: Pick<Runtime, "environment">,
  dids: readonly string[],
  context: string | undefined,
): Promise<LocalHosts> {
  const hosts = [...new Set(dids.flatMap(localHostOf))];
  if (hosts.length === 0) return {};
  const cwd = process.cwd();
  const { source } = await findSettings({ environment, cwd, context });
  const nodeUrl = source?.variables.LAYR8_NODE_URL;
  if (nodeUrl === undefined) return {};
  const known = await domainsOfDev(nodeUrl, cwd);
  const own = readServerUrl(nodeUrl)?.origin;
  return Object.fromEntries(
    hosts.flatMap((host) => {
      const origin = known.get(host) ?? own;
      return origin === undefined ? [] : [[host, origin]];
    }),
  );
}

/** Whether the document of a DID is looked up at a node, as its host is `localhost` or a name below it. */
export function isLocalDid(did: string): boolean {
  return localHostOf(did).length > 0;
}

/** The host of a did:web DID if it is `localhost` or a name below it, without a port. */
function localHostOf(did: string): readonly string[] {
  const host = /^did:web:([^:%/?#]+)(?=[:/?#]|$)/.exec(did)?.[1]?.toLowerCase();
  return host !== undefined && isLocalhostName(host) ? [host] : [];
}

/** The hosts of both nodes of `parley dev --two-nodes`, if one of them is used. */
async function domainsOfDev(nodeUrl: string, cwd: string): Promise<ReadonlyMap<string, string>> {
  const dev = await findDevState(undefined, cwd);
  if (dev === undefined || !hasNode(dev.state, nodeUrl) || !(await isRunning(dev))) return new Map();
  const { nodeHttpUrl, secondNode } = dev.state;
  const second = secondNode && readServerUrl(secondNode.url)?.origin;
  return new Map([
    ["localhost", nodeHttpUrl],
    ...(secondNode !== undefined && second !== undefined ? [[secondNode.domain, second] as const] : []),
  ]);
}

function hasNode({ environment, secondNode }: DevState, nodeUrl: string): boolean {
  const origin = readServerUrl(nodeUrl)?.origin;
  return [environment.LAYR8_NODE_URL, secondNode?.url].some((url) => url !== undefined && readServerUrl(url)?.origin === origin);
}
