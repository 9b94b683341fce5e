// For applications
export { Client } from "./client.ts";
export type { ConnectOptions, ReceiptOptions, RequestOptions, SchemaRequestOptions, SendOptions } from "./call-options.ts";
export type { ClientErrorCode } from "./client-error-code.ts";
export type { ClientOptions, Config, Endpoint, EndpointConfig, SharedTransportConfig } from "./config.ts";
export { ErrorKind, type ErrorHandler, type SDKError } from "./error-handler.ts";
export {
  AlreadyConnectedError,
  ClientClosedError,
  ConnectionError,
  DisconnectedError,
  NotConnectedError,
  RequestTimeoutError,
  ServerRejectError,
  type NotConnectedReason,
  type UnansweredRequest,
} from "./errors.ts";
export {
  PASS,
  type Handler,
  type HandlerOptions,
  type HandlerResult,
  type ProtocolHandlerOptions,
  type SchemaHandlerOptions,
} from "./handlers.ts";
export type { BodyClass } from "./construct-body.ts";
export type { DidHandler, JoinDidOptions, JoinedDid } from "./joined-did.ts";
export type { InboundMessage, ReceivedMessage } from "./inbound-message.ts";
export { logErrors } from "./log-errors.ts";
export type { McpBinding, McpMethodHandler } from "./mcp/mcp-binding.ts";
export { McpError } from "./mcp/mcp-error.ts";
export type { JsonRpcMessage } from "./mcp/json-rpc.ts";
export type { McpCallOptions, McpInitialize, McpPeer, McpTool } from "./mcp/mcp-peer.ts";
export type { McpTransport } from "./mcp/mcp-transport.ts";
export { ProblemReportError } from "./problem-report.ts";
export { ReceiptError, ReceiptRejectedError, type ReceiptRejectionCode, type UnconfirmedMessage } from "./receipts/receipt-error.ts";
export type { Receipt, ReceiptVerifier } from "./receipts/receipt.ts";
export { BodyError, type BodyIssue } from "./schema.ts";
