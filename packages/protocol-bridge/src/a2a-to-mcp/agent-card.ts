import type { JsonObject, JsonValue } from "@parley/core";
import { a2aChannelInterface } from "@parley/envelope-and-adapters/internal";
import type { Tool } from "./tool.ts";

/** The only skill until the server has listed its tools. */
const GENERIC_SKILL = {
  id: "ask",
  name: "Ask a tool",
  description: "Calls a tool of an MCP server and answers with its result.",
  tags: ["mcp"],
};

/** The agent card of a bridge, in the JSON form of A2A 1.0. Each tool is a skill. */
export function agentCard(agent: string, tools: readonly Tool[]): JsonObject {
  return {
    name: agent,
    description: "Answers with the tools of an MCP server.",
    version: "1.0.0",
    supportedInterfaces: [{ ...a2aChannelInterface(agent) }],
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false },
    defaultInputModes: ["text/plain", "application/json"],
    defaultOutputModes: ["text/plain", "application/json", "application/octet-stream"],
    skills: tools.length === 0 ? [GENERIC_SKILL] : tools.map(skillOf),
  };
}

function skillOf({ name, title, description }: Tool): JsonValue {
  return { id: name, name: title, description: description === "" ? title : description, tags: ["mcp"] };
}
