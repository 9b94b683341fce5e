export { McpChannelTransport, type McpChannelTransportOptions } from "./channel-transport.ts";
export { McpChannelServer, type McpChannelServerOptions, type McpServerSession } from "./channel-server.ts";
export type { JsonRpcMessage } from "./json-rpc.ts";
export type { McpSession } from "./session.ts";

// Of the main entry point, for the types above
export type { Envelope } from "../envelope.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
