import type { JsonObject, JsonValue } from "@parley/core";
import { a2aChannelInterface } from "@parley/envelope-and-adapters/internal";
import type { Tool } from "./tool.ts";

/** What the bridge can do before the server has said more. */
const SOME_SKILL = {
  id: "ask",
  name: "Ask a tool",
  description: "Passes what is asked on to a tool of an MCP server, and answers with its result.",
  tags: ["mcp"],
};

/** The address of an agent on a channel. */
export function addressOf(agent: string): string {
  return a2aChannelInterface(agent).url;
}

/** The card of a bridge, as A2A 1.0 has it on the wire: every tool is a skill. */
export function agentCard(agent: string, tools: readonly Tool[]): JsonObject {
  return {
    name: agent,
    description: "Answers with the tools of an MCP server.",
    version: "1.0.0",
    supportedInterfaces: [{ ...a2aChannelInterface(agent) }],
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false },
    defaultInputModes: ["text/plain", "application/json"],
    defaultOutputModes: ["text/plain", "application/json", "application/octet-stream"],
    skills: tools.length === 0 ? [SOME_SKILL] : tools.map(skillOf),
  };
}

function skillOf({ name, title, description }: Tool): JsonValue {
  return { id: name, name: title, description: description === "" ? title : description, tags: ["mcp"] };
}
