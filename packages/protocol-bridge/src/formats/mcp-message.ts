import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { AdapterError } from "@parley/envelope-and-adapters";
import { readJsonRpc, rejectedMessage } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import { utf8 } from "../internal/json.ts";

const MAX_ID = 32_768;

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
 * Reads one JSON-RPC 2.0 message of MCP.
 *
 * @throws BridgeError `message_invalid`. @throws AdapterError `message_invalid`, `message_too_large`
 */
export function readMcpMessage(payload: Uint8Array, maxBytes: number): JsonRpcCall | JsonRpcAnswer {
  const { id, method, params = {}, result, error } = readJsonRpc(payload, maxBytes);
  if (typeof id === "string" && id.length > MAX_ID) throw new BridgeError("message_too_large", `An id has more than ${MAX_ID} characters`);
  const named = typeof id === "string" || typeof id === "number" ? { id } : {};
  if (method !== undefined) return { kind: "call", ...named, method, params: structureOf(params) };
  const said = result === undefined ? { error: structureOf(error) } : { result: structureOf(result) };
  return { kind: "answer", ...named, ...said };
}

/** A message that was read, or what follows from one that can't be. */
export interface TriedMessage {
  /** Of a response that can't be read: a failure, for whoever waits for it. */
  readonly message?: JsonRpcCall | JsonRpcAnswer;
  /** Why the message can't be read. */
  readonly error?: BridgeError;
  /** What its sender is answered, if it may have been a request. */
  readonly reply?: Uint8Array;
}

/** As {@link readMcpMessage}, but never throws. */
export function tryReadMcpMessage(payload: Uint8Array, maxBytes: number): TriedMessage {
  try {
    return { message: readMcpMessage(payload, maxBytes) };
  } catch (thrown) {
    const error = BridgeError.ofMessage(thrown);
    const { reply, response } = rejectedMessage(payload, new AdapterError(adapterCodeOf(error), error.reason));
    return {
      error,
      ...(reply !== undefined && { reply: utf8(JSON.stringify(reply)) }),
      ...(response !== undefined && { message: readMcpMessage(utf8(JSON.stringify(response)), Number.POSITIVE_INFINITY) }),
    };
  }
}

function adapterCodeOf({ code }: BridgeError): "message_too_large" | "message_invalid" {
  return code === "message_too_large" ? code : "message_invalid";
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

/** JSON-RPC lets params be a list too; MCP doesn't. */
function structureOf(value: object | undefined): JsonObject {
  if (isJsonObject(value)) return value;
  throw new BridgeError("message_invalid", "The message is JSON-RPC 2.0, but not as MCP has it");
}
