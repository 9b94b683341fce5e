export { Client } from "./client.ts";
export type { Config } from "./env.ts";
export {
  AlreadyConnectedError,
  BodyError,
  ClientClosedError,
  ConnectionError,
  DisconnectedError,
  ErrorKind,
  logErrors,
  NotConnectedError,
  PASS,
  ProblemReportError,
  RequestTimeoutError,
  ServerRejectError,
  type BodyIssue,
  type ErrorHandler,
  type Handler,
  type HandlerOptions,
  type HandlerResult,
  type InboundMessage,
  type ReceivedMessage,
  type RequestOptions,
  type SDKError,
  type SendOptions,
} from "@parley/didcomm-agent";
export {
  ParleyError,
  type Attachment,
  type JsonObject,
  type JsonValue,
  type Message,
  type MessageContext,
  type MessageInit,
} from "@parley/core";
export { PhoenixTransport } from "@parley/transport-phoenix";
