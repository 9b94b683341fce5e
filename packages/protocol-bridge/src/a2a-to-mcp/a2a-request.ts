import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { A2A_VERSION } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import { isFromAgent, normalizeA2a, type A2aMessageJson } from "../formats/a2a-message.ts";
import { readJson, readJsonObject } from "../internal/json.ts";
import { isRequestId, type RequestId } from "./call-reference.ts";

/** Error codes of JSON-RPC and A2A: https://a2a-protocol.org/latest/specification/#54-error-code-mappings */
const A2A_ERRORS = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  taskNotFound: -32_001,
  pushNotificationNotSupported: -32_003,
  unsupportedOperation: -32_004,
  versionNotSupported: -32_009,
} as const;

/** The result or the error of a JSON-RPC response. */
export type ResponseBody = { readonly result: JsonObject } | { readonly error: { readonly code: number; readonly message: string } };

/** A request for a tool call. */
export interface A2aToolRequest {
  readonly id: RequestId;
  readonly message: A2aMessageJson;
  readonly streams: boolean;
}

/** A request of an A2A client: for a tool call, or one that is answered without a tool. */
export type A2aRequest = A2aToolRequest | { readonly id: RequestId; readonly response: ResponseBody };

const NO_TASK = errorBody("taskNotFound", "This agent answers with messages and has no tasks");
const NO_PUSH = errorBody("pushNotificationNotSupported", "This agent sends no push notifications");

/** Responses to the methods that need no tool. */
const RESPONSES: ReadonlyMap<unknown, ResponseBody> = new Map([
  ["GetTask", NO_TASK],
  ["CancelTask", NO_TASK],
  ["SubscribeToTask", NO_TASK],
  ["ListTasks", { result: { tasks: [], nextPageToken: "", pageSize: 0, totalSize: 0 } }],
  ["CreateTaskPushNotificationConfig", NO_PUSH],
  ["GetTaskPushNotificationConfig", NO_PUSH],
  ["ListTaskPushNotificationConfigs", NO_PUSH],
  ["DeleteTaskPushNotificationConfig", NO_PUSH],
  ["GetExtendedAgentCard", errorBody("unsupportedOperation", "This agent has no extended card")],
]);

/** Reads the request of a call. Never throws: an invalid request yields an error response. */
export function readA2aRequest(payload: Uint8Array, version: string | undefined, maxBytes: number): A2aRequest {
  let json: JsonObject;
  try {
    json = readJsonObject(payload, maxBytes);
  } catch (error) {
    const { code, reason } = BridgeError.ofMessage(error);
    if (code === "message_too_large") return { id: null, response: errorBody("internal", reason) };
    return { id: null, response: errorBody(readJson(payload) === undefined ? "parse" : "invalidRequest", reason) };
  }
  const { jsonrpc, id = null, method, params } = json;
  if (jsonrpc !== "2.0" || !isRequestId(id) || typeof method !== "string") {
    return { id: isRequestId(id) ? id : null, response: errorBody("invalidRequest", "The request is not JSON-RPC 2.0") };
  }
  if (version !== A2A_VERSION) return { id, response: errorBody("versionNotSupported", `This agent supports A2A ${A2A_VERSION} only`) };
  if (method !== "SendMessage" && method !== "SendStreamingMessage") {
    return { id, response: RESPONSES.get(method) ?? errorBody("methodNotFound", "Unknown A2A method") };
  }
  const read = readMessage(params);
  return "response" in read ? { id, ...read } : { id, ...read, streams: method === "SendStreamingMessage" };
}

function readMessage(params: JsonValue | undefined): { readonly message: A2aMessageJson } | { readonly response: ResponseBody } {
  const json = isJsonObject(params) ? params["message"] : undefined;
  if (!isJsonObject(json)) return { response: errorBody("invalidParams", "The request has no message") };
  let message: A2aMessageJson;
  try {
    message = normalizeA2a(json);
  } catch (error) {
    return { response: errorBody("invalidParams", BridgeError.ofMessage(error).reason) };
  }
  if (isFromAgent(message)) return { response: errorBody("invalidParams", "A message to an agent must have the role ROLE_USER") };
  return (message.taskId ?? "") === "" ? { message } : { response: NO_TASK };
}

/** The body of an error response. */
export function errorBody(error: keyof typeof A2A_ERRORS, message: string): ResponseBody {
  return { error: { code: A2A_ERRORS[error], message } };
}
