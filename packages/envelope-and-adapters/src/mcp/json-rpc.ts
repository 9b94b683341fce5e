import type { JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { readJsonPayload } from "../internal/json-payload.ts";

/**
 * A JSON-RPC 2.0 message: request, notification or response. Messages of the official SDKs' type `JSONRPCMessage` are assignable to it.
 */
export interface JsonRpcMessage {
  readonly jsonrpc: "2.0";
  readonly id?: string | number | null | undefined;
  readonly method?: string | undefined;
  readonly params?: object | undefined;
  readonly result?: object | undefined;
  readonly error?: object | undefined;
}

/**
 * Reads one JSON-RPC message. Methods and params are not validated further.
 *
 * @throws AdapterError `message_invalid`, `message_too_large`.
 */
export function readJsonRpc(payload: Uint8Array, maxBytes: number): JsonRpcMessage {
  const message = readJsonPayload(payload, maxBytes);
  if (message["jsonrpc"] !== "2.0") throw invalid("jsonrpc");
  if ("method" in message) checkCall(message);
  else checkResponse(message);
  return message as unknown as JsonRpcMessage;
}

function checkCall(message: JsonObject): void {
  if (typeof message["method"] !== "string") throw invalid("method");
  if ("id" in message && !isId(message["id"])) throw invalid("id");
  if ("params" in message && !isStructure(message["params"])) throw invalid("params");
  if ("result" in message || "error" in message) throw invalid("method");
}

function checkResponse(message: JsonObject): void {
  const failed = "error" in message;
  if (failed === "result" in message) throw invalid(failed ? "result" : "method");
  if (!isStructure(message[failed ? "error" : "result"])) throw invalid(failed ? "error" : "result");
  // An error response to a malformed request has no id.
  if (!isId(message["id"]) && !(failed && (message["id"] ?? null) === null)) throw invalid("id");
}

function isId(id: unknown): boolean {
  return typeof id === "string" || (typeof id === "number" && Number.isInteger(id));
}

function isStructure(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function invalid(member: string): AdapterError {
  return new AdapterError("message_invalid", `The message is not JSON-RPC 2.0: "${member}" is missing, wrong or out of place`);
}
