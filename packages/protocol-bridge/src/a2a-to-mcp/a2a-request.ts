import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { A2A_VERSION } from "@parley/envelope-and-adapters/internal";
import { isAgents, normalA2a, type A2aMessageJson } from "../formats/a2a-message.ts";
import { BridgeError } from "../bridge-error.ts";
import { readJson, readJsonObject } from "../internal/json.ts";
import { isRequestId, type RequestId } from "./call-reference.ts";

/** Numbers of JSON-RPC's and A2A's errors: https://a2a-protocol.org/latest/specification/#54-error-code-mappings */
export const A2A_ERRORS = {
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

/** What a response says. */
export type Said = { readonly result: JsonObject } | { readonly error: { readonly code: number; readonly message: string } };

/** A request of an A2A client: a question for a tool, or something that is answered without one. */
export type A2aRequest =
  | { readonly id: RequestId; readonly message: A2aMessageJson; readonly streams: boolean }
  | { readonly id: RequestId; readonly said: Said };

const NO_TASK = failed("taskNotFound", "This agent answers with messages: it has no tasks");
const NO_PUSH = failed("pushNotificationNotSupported", "This agent sends no push notifications");

/** What is answered to methods that ask nothing of a tool. */
const ANSWERS: ReadonlyMap<unknown, Said> = new Map([
  ["GetTask", NO_TASK],
  ["CancelTask", NO_TASK],
  ["SubscribeToTask", NO_TASK],
  ["ListTasks", { result: { tasks: [], nextPageToken: "", pageSize: 0, totalSize: 0 } }],
  ["CreateTaskPushNotificationConfig", NO_PUSH],
  ["GetTaskPushNotificationConfig", NO_PUSH],
  ["ListTaskPushNotificationConfigs", NO_PUSH],
  ["DeleteTaskPushNotificationConfig", NO_PUSH],
  ["GetExtendedAgentCard", failed("unsupportedOperation", "This agent has one card for all")],
]);

/** Reads the request of a call. Never throws: what is wrong with a request is said in the answer. */
export function readA2aRequest(payload: Uint8Array, version: string | undefined, maxBytes: number): A2aRequest {
  let json: JsonObject;
  try {
    json = readJsonObject(payload, maxBytes);
  } catch (error) {
    const { code, reason } = BridgeError.ofMessage(error);
    if (code === "message_too_large") return { id: null, said: failed("internal", reason) };
    return { id: null, said: failed(readJson(payload) === undefined ? "parse" : "invalidRequest", reason) };
  }
  const { jsonrpc, id = null, method, params } = json;
  if (jsonrpc !== "2.0" || !isRequestId(id) || typeof method !== "string") {
    return { id: isRequestId(id) ? id : null, said: failed("invalidRequest", "The request is not JSON-RPC 2.0") };
  }
  if (version !== A2A_VERSION) return { id, said: failed("versionNotSupported", `This agent speaks A2A ${A2A_VERSION}`) };
  if (method !== "SendMessage" && method !== "SendStreamingMessage") {
    return { id, said: ANSWERS.get(method) ?? failed("methodNotFound", "A2A has no such method") };
  }
  const asked = messageIn(params);
  return "said" in asked ? { id, ...asked } : { id, ...asked, streams: method === "SendStreamingMessage" };
}

function messageIn(params: JsonValue | undefined): { readonly message: A2aMessageJson } | { readonly said: Said } {
  const json = isJsonObject(params) ? params["message"] : undefined;
  if (!isJsonObject(json)) return { said: failed("invalidParams", "The request has no message") };
  let message: A2aMessageJson;
  try {
    message = normalA2a(json);
  } catch (error) {
    return { said: failed("invalidParams", BridgeError.ofMessage(error).reason) };
  }
  if (isAgents(message)) return { said: failed("invalidParams", "A message to an agent has the role of a user") };
  return (message.taskId ?? "") === "" ? { message } : { said: NO_TASK };
}

/** A response that tells of an error. */
export function failed(error: keyof typeof A2A_ERRORS, message: string): Said {
  return { error: { code: A2A_ERRORS[error], message } };
}
