import type { JsonObject } from "@parley/core";

/**
 * A JSON-RPC 2.0 message: request, notification or response. Messages of the official MCP SDKs' type `JSONRPCMessage` are assignable to it.
 *
 * @see {@link https://www.jsonrpc.org/specification | JSON-RPC 2.0}
 */
export interface JsonRpcMessage {
  readonly jsonrpc: "2.0";
  readonly id?: string | number | null | undefined;
  readonly method?: string | undefined;
  readonly params?: object | undefined;
  readonly result?: object | undefined;
  readonly error?: object | undefined;
}

/** A request; a notification if it has no id. */
export interface JsonRpcCall extends JsonRpcMessage {
  readonly id?: string | number;
  readonly method: string;
}

/** Codes of JSON-RPC errors. */
export const RpcCode = {
  /** The message is not a request, or names another method than the message type. */
  INVALID_REQUEST: -32_600,
  METHOD_NOT_FOUND: -32_601,
  INTERNAL_ERROR: -32_603,
  /** No session takes the request: it has ended, or there are too many. */
  UNAVAILABLE: -32_000,
} as const;

/** Reads a request or notification; `undefined` for anything else. */
export function readCall(body: JsonObject): JsonRpcCall | undefined {
  const { jsonrpc, id, method, params } = body;
  if (jsonrpc !== "2.0" || typeof method !== "string" || "result" in body || "error" in body) return undefined;
  if (id !== undefined && typeof id !== "string" && !Number.isInteger(id)) return undefined;
  if (params !== undefined && (typeof params !== "object" || params === null)) return undefined;
  return body as unknown as JsonRpcCall;
}

/** An error response. */
export function failureOf(id: JsonRpcMessage["id"], code: number, message: string): JsonRpcMessage {
  return { jsonrpc: "2.0", id: id ?? null, error: { code, message } };
}
