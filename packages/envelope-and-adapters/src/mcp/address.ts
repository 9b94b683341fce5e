import { isJsonObject, type JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { Protocol } from "../protocol.ts";

const MAX_LENGTH = 128;
const EVENTS: ReadonlySet<unknown> = new Set(["open", "close"]);

/** The session that an MCP envelope belongs to: the member `mcp` of its metadata. */
export interface McpAddress {
  /** Id of the session, chosen by the client. */
  readonly session: string;
  /** The end of the session that sent the envelope. */
  readonly role: "client" | "server";
  /** Name of the server, if it has one. In the first messages of a client: the name of the server that it requests, if any. */
  readonly server?: string;
  /** Identifies the run of the server. Absent in messages of a client until a server has answered. */
  readonly instance?: string;
  /** `"open"`: no server has answered this client yet. `"close"`: the session has ended; the payload is empty. */
  readonly event?: "open" | "close";
}

/** Creates the envelope of one JSON-RPC message, or of a close event. `others` is additional metadata. */
export function mcpEnvelope(address: McpAddress, payload: Uint8Array, others: JsonObject = {}): Envelope {
  return new Envelope(Protocol.MCP, "application/json", payload, { ...others, mcp: { ...address } });
}

/**
 * Reads the address of an MCP envelope.
 *
 * @throws AdapterError `message_invalid`.
 */
export function readMcpAddress({ metadata }: Pick<Envelope, "metadata">): McpAddress {
  const address = metadata?.["mcp"];
  if (!isJsonObject(address)) throw invalid("is missing");
  const { session, role, server, instance, event } = address;
  if (!isName(session)) throw invalid("has no session");
  if (role !== "client" && role !== "server") throw invalid("has no role");
  if (server !== undefined && !isName(server)) throw invalid("has an invalid server name");
  if (instance === undefined ? role === "server" : !isName(instance)) throw invalid("has an invalid server instance");
  if (event !== undefined && !EVENTS.has(event)) throw invalid("has an unknown event");
  return address as JsonObject & McpAddress;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}

function invalid(fault: string): AdapterError {
  return new AdapterError("message_invalid", `The address of an MCP envelope ${fault}`);
}
