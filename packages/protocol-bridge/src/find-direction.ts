import { Protocol } from "@parley/envelope-and-adapters";
import { A2aToMcp } from "./a2a-to-mcp/a2a-to-mcp.ts";
import type { DirectionFactory } from "./bridge-context.ts";
import { McpToA2a } from "./mcp-to-a2a/mcp-to-a2a.ts";
import { McpToMcp } from "./mcp-to-mcp/mcp-to-mcp.ts";
import { a2aToSlim, slimToA2a } from "./translate/a2a-slim.ts";
import { a2aToDidcomm, didcommToA2a } from "./translate/didcomm-a2a.ts";
import { didcommToSlim, slimToDidcomm } from "./translate/didcomm-slim.ts";
import { mcpToSlim, slimToMcp } from "./translate/mcp-slim.ts";
import type { Translator } from "./translate/translation.ts";
import { translatingConsumer } from "./translating-consumer.ts";

const { A2A, DIDCOMM, MCP, SLIM } = Protocol;

const DIRECTIONS: ReadonlyMap<string, DirectionFactory> = new Map<string, DirectionFactory>([
  [nameOf(A2A, SLIM), oneWay(a2aToSlim)],
  [nameOf(SLIM, A2A), oneWay(slimToA2a)],
  [nameOf(MCP, SLIM), oneWay(mcpToSlim)],
  [nameOf(SLIM, MCP), oneWay(slimToMcp)],
  [nameOf(DIDCOMM, SLIM), oneWay(didcommToSlim)],
  [nameOf(SLIM, DIDCOMM), oneWay(slimToDidcomm)],
  [nameOf(DIDCOMM, A2A), oneWay(didcommToA2a)],
  [nameOf(A2A, DIDCOMM), oneWay(a2aToDidcomm)],
  [nameOf(A2A, MCP), (context) => new A2aToMcp(context)],
  [nameOf(MCP, A2A), (context) => new McpToA2a(context)],
  [nameOf(MCP, MCP), (context) => new McpToMcp(context)],
]);

/**
 * The logic for a pair of protocols.
 *
 * @throws TypeError no translation exists for the pair
 */
export function findDirection(source: Protocol, target: Protocol): DirectionFactory {
  const direction = DIRECTIONS.get(nameOf(source, target));
  if (direction !== undefined) return direction;
  throw new TypeError(`No translation from ${source} to ${target}. Valid pairs: ${[...DIRECTIONS.keys()].join(", ")}`);
}

function nameOf(source: Protocol, target: Protocol): string {
  return `${source} to ${target}`;
}

function oneWay(translate: Translator): DirectionFactory {
  return (context) => ({ consumers: [translatingConsumer(context, translate)] });
}
