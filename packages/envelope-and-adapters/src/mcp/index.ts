export { McpChannelTransport, type McpChannelTransportOptions } from "./channel-transport.ts";
export { McpChannelServer, type McpChannelServerOptions, type McpServerSession } from "./channel-server.ts";
export type { JsonRpcMessage } from "./json-rpc.ts";
export type { McpSession, McpSessionConnector, McpSessionLimits, McpWaitOptions } from "./session.ts";
export type { McpServerLimits } from "./session-table.ts";

// Of the main entry point, for the types above
export type { Envelope } from "../envelope.ts";
export type { EnvelopeLimits } from "../envelope-codec.ts";
export type { BufferLimits } from "../internal/bounded-queue.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
