import type { JsonObject } from "@parley/core";

/** A tool of the MCP server that a bridge calls. */
export interface BridgeTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its arguments, as the MCP server gave it; absent above 8192 characters. */
  readonly inputSchema?: JsonObject | undefined;
}
