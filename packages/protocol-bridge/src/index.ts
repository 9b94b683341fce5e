// For applications
export { BridgeError, type BridgeErrorCode } from "./bridge-error.ts";
export { ProtocolBridge } from "./protocol-bridge.ts";
export type { BridgeOptions, NamedPort } from "./bridge-options.ts";
export type { RunningBridge } from "./running-bridge.ts";
export type { BridgeTool } from "./bridge-tool.ts";
export type { BridgeCounters } from "./bridge-counters.ts";
export type { A2aMessageJson } from "./formats/a2a-message.ts";
export type { ToolCall } from "./a2a-to-mcp/tool.ts";
export {
  didcommPort,
  type DidcommClient,
  type DidcommInbound,
  type DidcommPort,
  type DidcommPortOptions,
} from "./didcomm-port/didcomm-port.ts";
export { mcpDidcommPort, type McpDidcommPortOptions } from "./mcp-didcomm-port/mcp-didcomm-port.ts";
export type { McpDidcommClient, McpDidcommPort } from "./mcp-didcomm-port/mcp-didcomm-client.ts";
