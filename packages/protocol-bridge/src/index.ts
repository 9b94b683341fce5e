// For applications
export { BridgeError, type BridgeErrorCode } from "./errors.ts";
export { ProtocolBridge } from "./protocol-bridge.ts";
export type { BridgeOptions, NamedPort } from "./options.ts";
export type { RunningBridge } from "./running-bridge.ts";
export type { BridgeCounters } from "./counters.ts";
export type { A2aMessageJson } from "./a2a-message.ts";
export type { ToolCall } from "./mcp/tools.ts";
export { didcommPort, type DidcommClient, type DidcommInbound, type DidcommPort, type DidcommPortOptions } from "./didcomm/port.ts";
