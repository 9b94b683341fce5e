import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { AdapterError } from "@parley/envelope-and-adapters";
import { readJsonRpc, rejectedMessage } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import { utf8 } from "../internal/json.ts";

/** The version of MCP that a bridge requests as a client. It uses no features that other versions lack. */
export const MCP_VERSION = "2025-06-18";

/** Versions of MCP that are identical for what a bridge offers as a server. */
const SERVED_VERSIONS: ReadonlySet<unknown> = new Set(["2024-11-05", "2025-03-26", MCP_VERSION, "2025-11-25"]);

/** The version that a bridge answers a client with: the one that it wants, if the bridge knows it. */
export function negotiateVersion(wanted: unknown): string {
  return SERVED_VERSIONS.has(wanted) ? (wanted as string) : MCP_VERSION;
}

/** Sessions with this prefix belong to bridges. Messages of other parties are never put into one. */
export const OWN_SESSION_PREFIX = "bridge.";

const MAX_ID = 32_768;

/** A request, or a notification if it has no id. */
export interface JsonRpcCall {
  readonly kind: "call";
  readonly id?: string | number;
  readonly method: string;
  readonly params: JsonObject;
}

/** A response. Its id is absent if the request could not be read. */
export interface JsonRpcAnswer {
  readonly kind: "answer";
  readonly id?: string | number;
  readonly result?: JsonObject;
  readonly error?: JsonObject;
}

export const JSON_RPC_ERRORS = { methodNotFound: -32_601, invalidParams: -32_602, internal: -32_603 } as const;

/**
 * Reads one JSON-RPC 2.0 message of MCP.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 * @throws AdapterError `message_invalid`, `message_too_large`
 */
export function readMcpMessage(payload: Uint8Array, maxBytes: number): JsonRpcCall | JsonRpcAnswer {
  const { id, method, params = {}, result, error } = readJsonRpc(payload, maxBytes);
  if (typeof id === "string" && id.length > MAX_ID) throw new BridgeError("message_too_large", `An id has more than ${MAX_ID} characters`);
  const named = typeof id === "string" || typeof id === "number" ? { id } : {};
  if (method !== undefined) return { kind: "call", ...named, method, params: requireObject(params) };
  const outcome = result === undefined ? { error: requireObject(error) } : { result: requireObject(result) };
  return { kind: "answer", ...named, ...outcome };
}

/** A message, or the consequences of an invalid one. */
export interface McpReadResult {
  /** For an invalid response: an error response with its id, so that the caller is answered. */
  readonly message?: JsonRpcCall | JsonRpcAnswer;
  /** Why the message is invalid. */
  readonly error?: BridgeError;
  /** The error response for the sender, if the message can have been a request. */
  readonly reply?: Uint8Array;
}

/** Like {@link readMcpMessage}, but never throws. */
export function tryReadMcpMessage(payload: Uint8Array, maxBytes: number): McpReadResult {
  try {
    return { message: readMcpMessage(payload, maxBytes) };
  } catch (thrown) {
    const error = BridgeError.ofMessage(thrown);
    const code = error.code === "message_too_large" ? error.code : "message_invalid";
    const { reply, response } = rejectedMessage(payload, new AdapterError(code, error.reason));
    return {
      error,
      ...(reply !== undefined && { reply: utf8(JSON.stringify(reply)) }),
      ...(response !== undefined && { message: readMcpMessage(utf8(JSON.stringify(response)), Number.POSITIVE_INFINITY) }),
    };
  }
}

export function requestBytes(id: string, method: string, params: JsonValue): Uint8Array {
  return utf8(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
}

export function notificationBytes(method: string, params: JsonValue): Uint8Array {
  return utf8(JSON.stringify({ jsonrpc: "2.0", method, params }));
}

export function resultBytes(id: string | number, result: JsonObject): Uint8Array {
  return utf8(JSON.stringify({ jsonrpc: "2.0", id, result }));
}

export function errorBytes(id: string | number, code: number, message: string): Uint8Array {
  return utf8(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));
}

/** JSON-RPC allows arrays for params; MCP does not. */
function requireObject(value: object | undefined): JsonObject {
  if (isJsonObject(value)) return value;
  throw new BridgeError("message_invalid", "The message is valid JSON-RPC 2.0, but invalid MCP: params, result and error must be objects");
}
