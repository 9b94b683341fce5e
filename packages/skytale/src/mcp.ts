// The Model Context Protocol over channels. It works with any official SDK and loads none.
export {
  McpChannelServer,
  McpChannelTransport,
  type JsonRpcMessage,
  type McpChannelServerOptions,
  type McpChannelTransportOptions,
  type McpServerSession,
  type McpSession,
} from "@parley/envelope-and-adapters/mcp";
export { AdapterError, type AdapterErrorCode } from "@parley/envelope-and-adapters";
