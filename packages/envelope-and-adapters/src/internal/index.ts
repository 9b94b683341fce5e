// For siblings: what is on the wire of MCP sessions and A2A calls. No promise of stability.
export { mcpEnvelope, readMcpAddress, type McpAddress } from "../mcp/address.ts";
export { readJsonRpc } from "../mcp/json-rpc.ts";
export {
  callEnvelope,
  readCallEnvelope,
  type CallEnvelope,
  type ClientCall,
  type ServerCall,
  type ServiceParameters,
} from "../a2a/call.ts";
export { A2A_VERSION } from "../a2a/extension.ts";
export { isDeep } from "./json-payload.ts";
