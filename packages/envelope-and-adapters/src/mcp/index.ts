export { McpChannelTransport, type McpChannelTransportOptions } from "./channel-transport.ts";
export { McpChannelServer, type McpChannelServerOptions, type McpServerSession } from "./channel-server.ts";
export type { JsonRpcMessage } from "./json-rpc.ts";
export type { McpSession, McpSessionLimits, McpWaitOptions } from "./session.ts";
export type { McpServerLimits } from "./session-table.ts";
