import { isJsonObject, type JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { Protocol } from "../protocol.ts";

const MAX_LENGTH = 128;
const EVENTS: ReadonlySet<unknown> = new Set(["open", "close"]);

/** What an MCP envelope says about where it belongs: the member `mcp` of its metadata. */
export interface McpAddress {
  /** Chosen by the client; tells sessions on one channel apart. */
  readonly session: string;
  /** Which end of the session wrote this. */
  readonly role: "client" | "server";
  /** Name of the server, if it has one. In a client's first messages: the name of the server that it asks for, if it asks for one. */
  readonly server?: string;
  /** Which run of the server this is. Absent in a client's messages until a server has answered. */
  readonly instance?: string;
  /** `"open"`: a client that no server has answered yet. `"close"`: the session has ended; the payload is empty. */
  readonly event?: "open" | "close";
}

/** An envelope of one JSON-RPC message, or of none. `others`: what else its metadata says. */
export function mcpEnvelope(address: McpAddress, payload: Uint8Array, others: JsonObject = {}): Envelope {
  return new Envelope(Protocol.MCP, "application/json", payload, { ...others, mcp: { ...address } });
}

/**
 * Where an MCP envelope belongs.
 *
 * @throws AdapterError `message_invalid`.
 */
export function readMcpAddress({ metadata }: Pick<Envelope, "metadata">): McpAddress {
  const address = metadata?.["mcp"];
  if (!isJsonObject(address)) throw invalid("is missing");
  const { session, role, server, instance, event } = address;
  if (!isName(session)) throw invalid("has no session");
  if (role !== "client" && role !== "server") throw invalid("has no role");
  if (server !== undefined && !isName(server)) throw invalid("has no proper server name");
  if (instance === undefined ? role === "server" : !isName(instance)) throw invalid("has no proper server instance");
  if (event !== undefined && !EVENTS.has(event)) throw invalid("has an unknown event");
  return address as JsonObject & McpAddress;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}

function invalid(what: string): AdapterError {
  return new AdapterError("message_invalid", `The address of an MCP envelope ${what}`);
}
