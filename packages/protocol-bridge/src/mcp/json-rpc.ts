import type { JsonObject, JsonValue } from "@parley/core";
import { BridgeError } from "../errors.ts";
import { isText, readJsonObject, utf8 } from "../internal/json.ts";

const MAX_ID = 16_384;

/** A request, or a notification if it has no id. */
export interface JsonRpcCall {
  readonly kind: "call";
  readonly id?: string | number;
  readonly method: string;
  readonly params: JsonObject;
}

/** An answer; the id is absent where the request could not be read. */
export interface JsonRpcAnswer {
  readonly kind: "answer";
  readonly id?: string | number;
  readonly result?: JsonObject;
  readonly error?: JsonObject;
}

export const JSON_RPC_ERRORS = { methodNotFound: -32_601, invalidParams: -32_602, internal: -32_603 } as const;

/**
 * Reads one JSON-RPC 2.0 message.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function readJsonRpc(payload: Uint8Array, maxBytes: number): JsonRpcCall | JsonRpcAnswer {
  const message = readJsonObject(payload, maxBytes);
  const { jsonrpc, method, params = {}, result, error } = message;
  if (jsonrpc !== "2.0") throw invalid();
  const id = readId(message);
  if (method !== undefined) {
    if (typeof method !== "string" || !isStructure(params) || result !== undefined || error !== undefined) throw invalid();
    return { kind: "call", ...(id !== undefined && { id }), method, params };
  }
  if ((result === undefined) === (error === undefined) || !isStructure(result ?? error)) throw invalid();
  if (id === undefined && error === undefined) throw invalid();
  return {
    kind: "answer",
    ...(id !== undefined && { id }),
    ...(result !== undefined ? { result: result as JsonObject } : { error: error as JsonObject }),
  };
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

function readId({ id }: JsonObject): string | number | undefined {
  if (id === undefined || id === null) return undefined;
  if (isText(id, MAX_ID) || (typeof id === "number" && Number.isInteger(id))) return id;
  throw invalid();
}

/** JSON-RPC lets params be a list too; MCP doesn't. */
function isStructure(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(): BridgeError {
  return new BridgeError("message_invalid", "The message is not JSON-RPC 2.0 as MCP has it");
}
