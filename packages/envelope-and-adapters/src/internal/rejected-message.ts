import { isJsonObject } from "@parley/core";
import type { AdapterError } from "../adapter-error.ts";
import type { JsonRpcMessage } from "../mcp/json-rpc.ts";

const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;
/** Longer ids are not included in an error response. */
const MAX_ID = 1024;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The consequences of a malformed message. */
export interface RejectedMessage {
  /** The error response for the sender. Absent for notifications and responses. */
  readonly reply?: JsonRpcMessage;
  /** For a malformed response with an id: the error response for the waiting request. */
  readonly response?: JsonRpcMessage;
}

/**
 * Creates the error responses for a malformed JSON-RPC message: one for the sender of a request, or one for the request that waits for a
 * response. They have the id of the message if it is valid, and null otherwise.
 *
 * See [JSON-RPC 2.0, section 5](https://www.jsonrpc.org/specification#response_object).
 */
export function rejectedMessage(payload: Uint8Array, { code, reason }: AdapterError): RejectedMessage {
  const value = parse(payload);
  const isTooLarge = code === "message_too_large";
  if (value === undefined) return { reply: failure(null, isTooLarge ? INTERNAL_ERROR : PARSE_ERROR, `Parse error: ${reason}`) };
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(isResponse)) return {};
    return { reply: failure(null, INVALID_REQUEST, "Invalid Request: batches are not supported, send one message at a time") };
  }
  const { id, jsonrpc, method } = isJsonObject(value) ? value : {};
  if (isResponse(value)) return isUsable(id) ? { response: failure(id, INTERNAL_ERROR, `The response can't be read: ${reason}`) } : {};
  if (jsonrpc === "2.0" && typeof method === "string" && id === undefined) return {};
  const about = isTooLarge ? `The request can't be read: ${reason}` : `Invalid Request: ${reason}`;
  return { reply: failure(isUsable(id) ? id : null, isTooLarge ? INTERNAL_ERROR : INVALID_REQUEST, about) };
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(payload)) as unknown;
  } catch {
    return undefined;
  }
}

function isResponse(value: unknown): boolean {
  return isJsonObject(value) && value["method"] === undefined && (value["result"] !== undefined || value["error"] !== undefined);
}

function isUsable(id: unknown): id is string | number {
  return typeof id === "number" || (typeof id === "string" && id.length <= MAX_ID);
}

function failure(id: string | number | null, code: number, message: string): JsonRpcMessage {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
