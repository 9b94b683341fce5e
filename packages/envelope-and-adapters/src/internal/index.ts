// Internal: formats of MCP sessions and A2A calls, for Parley's own packages. Can change at any time.
export { mcpEnvelope, readMcpAddress, type McpAddress } from "../mcp/address.ts";
export { readJsonRpc, type JsonRpcMessage } from "../mcp/json-rpc.ts";
export {
  callEnvelope,
  readCallEnvelope,
  type CallEnvelope,
  type ClientCall,
  type ServerCall,
  type ServiceParameters,
} from "../a2a/call.ts";
export { A2A_VERSION, a2aChannelInterface } from "../a2a/extension.ts";
export { withJsonNames } from "../a2a/json-names.ts";
export { readMessage as readA2aMessage, writeMessage as writeA2aMessage } from "../a2a/message.ts";
export { checkChannels, checkEnvelope } from "./arguments.ts";
export { rejectedMessage, type RejectedMessage } from "./rejected-message.ts";
export { describeSendFailure } from "./describe-send-failure.ts";
export { isDeep } from "./json-payload.ts";
export { isPeer, partyOf, type ExpectedPeer, type Sender } from "../party.ts";

// Of the main entry point, for the types above
export type { AdapterError, AdapterErrorCode } from "../adapter-error.ts";
export type { Envelope } from "../envelope.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
