import { protocolOf } from "@parley/core";
import { BridgeError } from "../bridge-error.ts";

/** The base of the message types of MCP over DIDComm 1.0. */
export const MCP_BASE = "https://layr8.io/protocols/mcp/1.0";

const RESULT_SUFFIX = "-result";
const MAX_METHOD = 256;

/** Methods of requests and notifications that only servers send. */
const OF_SERVERS: ReadonlySet<string> = new Set([
  "sampling/createMessage",
  "elicitation/create",
  "roots/list",
  "notifications/message",
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
  "notifications/elicitation/complete",
]);
/** Methods that both ends send. */
const OF_BOTH: ReadonlySet<string> = new Set(["ping", "notifications/progress", "notifications/cancelled"]);

/**
 * The message type of a method: `tools/call` becomes `<base>/tools-call`. It can't be read backwards, so the method in the body counts.
 *
 * @throws BridgeError `untranslatable`: the method can't be a part of a message type
 */
export function typeOfMethod(base: string, method: string): string {
  const type = `${base}/${method.replaceAll("/", "-")}`;
  if (method.length <= MAX_METHOD && protocolOf(type) === base) return type;
  throw new BridgeError("untranslatable", "The method can't be a part of a DIDComm message type");
}

/** Whether a message type is the one of a method. */
export function isTypeOfMethod(type: string, base: string, method: string): boolean {
  return type === `${base}/${method.replaceAll("/", "-")}`;
}

/** The type of the response to a request. */
export function resultType(requestType: string): string {
  return requestType + RESULT_SUFFIX;
}

export function isResultType(type: string): boolean {
  return type.endsWith(RESULT_SUFFIX);
}

/** Whether an agent that is a server sends this method to its clients. */
export function isOfServer(method: string): boolean {
  return OF_SERVERS.has(method) || OF_BOTH.has(method);
}
