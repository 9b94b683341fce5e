import { Protocol } from "@parley/envelope-and-adapters";
import { ToolCaller } from "./a2a-to-mcp/a2a-to-mcp.ts";
import { forwarding } from "./translating-consumer.ts";
import { MessageServer } from "./mcp-to-a2a/mcp-to-a2a.ts";
import type { Flows, Site } from "./bridge-context.ts";
import type { Translator } from "./translate/translation.ts";
import { a2aToSlim, slimToA2a } from "./translate/a2a-slim.ts";
import { a2aToDidcomm, didcommToA2a } from "./translate/didcomm-a2a.ts";
import { didcommToSlim, slimToDidcomm } from "./translate/didcomm-slim.ts";
import { mcpToSlim, slimToMcp } from "./translate/mcp-slim.ts";

const { A2A, DIDCOMM, MCP, SLIM } = Protocol;

const PAIRS: ReadonlyMap<string, (site: Site) => Flows> = new Map([
  [pair(A2A, SLIM), translating(a2aToSlim)],
  [pair(SLIM, A2A), translating(slimToA2a)],
  [pair(MCP, SLIM), translating(mcpToSlim)],
  [pair(SLIM, MCP), translating(slimToMcp)],
  [pair(DIDCOMM, SLIM), translating(didcommToSlim)],
  [pair(SLIM, DIDCOMM), translating(slimToDidcomm)],
  [pair(DIDCOMM, A2A), translating(didcommToA2a)],
  [pair(A2A, DIDCOMM), translating(a2aToDidcomm)],
  [pair(A2A, MCP), (site) => new ToolCaller(site)],
  [pair(MCP, A2A), (site) => new MessageServer(site)],
]);

/** What forwards from one protocol to another. @throws TypeError nothing does */
export function flowsBetween(source: Protocol, target: Protocol): (site: Site) => Flows {
  const flows = PAIRS.get(pair(source, target));
  if (flows === undefined) {
    const pairs = [...PAIRS.keys()].map((each) => each.replace(" ", " to "));
    throw new TypeError(`Nothing translates from ${source} to ${target}; there are ${pairs.join(", ")}`);
  }
  return flows;
}

function pair(source: Protocol, target: Protocol): string {
  return `${source} ${target}`;
}

function translating(translate: Translator): (site: Site) => Flows {
  return (site) => ({ flows: [forwarding(site, translate)] });
}
