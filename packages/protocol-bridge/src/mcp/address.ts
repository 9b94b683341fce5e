import { isJsonObject, type JsonObject } from "@parley/core";
import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import { BridgeError } from "../errors.ts";

const MAX_LENGTH = 128;

/** Sessions whose names begin so are a bridge's own: nobody else's message is ever put into one. */
export const OWN_SESSION = "bridge.";

/** Where an MCP envelope belongs: the member `mcp` of its metadata, as the adapters write it. */
export interface McpAddress {
  readonly session: string;
  readonly role: "client" | "server";
  readonly server?: string;
  readonly instance?: string;
  readonly event?: "open" | "close";
}

/** An envelope of one JSON-RPC message, or of none. */
export function mcpEnvelope(address: McpAddress, payload: Uint8Array, metadata: JsonObject = {}): Envelope {
  return new Envelope(Protocol.MCP, "application/json", payload, { ...metadata, mcp: { ...address } });
}

/** @throws BridgeError `message_invalid` */
export function readMcpAddress({ mcp: address }: JsonObject = {}): McpAddress {
  if (!isJsonObject(address)) throw invalid();
  const { session, role, server, instance, event } = address;
  if (!isName(session) || (role !== "client" && role !== "server")) throw invalid();
  if (server !== undefined && !isName(server)) throw invalid();
  if (instance === undefined ? role === "server" : !isName(instance)) throw invalid();
  if (event !== undefined && event !== "open" && event !== "close") throw invalid();
  return address as JsonObject & McpAddress;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}

function invalid(): BridgeError {
  return new BridgeError("message_invalid", "An MCP envelope has no proper address");
}
