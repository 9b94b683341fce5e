import "./supported-node.ts";
// For applications
export type { Attachment, AttachmentData } from "./attachment.ts";
export { ParleyError, type ParleyErrorOptions } from "./error.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export {
  createMessage,
  replyTo,
  threadOf,
  type Message,
  type MessageContext,
  type MessageInit,
  type SenderCredential,
  type TraceContext,
} from "./message.ts";
export type { CarriedContext, Telemetry, TelemetryEnd, TelemetryOperation, TelemetryOperationName, TelemetrySpan } from "./telemetry.ts";
export type { ReceiptState } from "./receipt.ts";
export { parseMessageType, protocolOf, type MessageType } from "./message-type.ts";

// For transports, nodes and agents
export { isJsonObject } from "./json.ts";
export { decodePlaintext, encodePlaintext, type DecodedMessage, type PlaintextLimits } from "./plaintext.ts";
export { PlaintextError, type PlaintextErrorCode } from "./plaintext-error.ts";
export type { ConnectOptions, Connection, ConnectionEvents, Delivery, Outcome, SendOptions, SendReceipt, Transport } from "./transport.ts";
export { RejectedError, NodeTransportError, type NodeTransportErrorCode } from "./node-transport-error.ts";
