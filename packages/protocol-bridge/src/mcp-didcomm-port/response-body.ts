import { isJsonObject, type JsonObject } from "@parley/core";
import { JSON_RPC_ERRORS, MCP_VERSION } from "../formats/mcp-message.ts";

const MAX_TEXT = 4096;

/** The body of a `-result` message as a JSON-RPC response: with its result, its error, or an error if it has neither. */
export function responseFrom(id: string | number, { result, error }: JsonObject): JsonObject {
  if (isJsonObject(result)) return { jsonrpc: "2.0", id, result };
  if (!isJsonObject(error)) return failure(id, "The server has answered with neither a result nor an error");
  const { code, message, data } = error;
  return {
    jsonrpc: "2.0",
    id,
    error: {
      code: typeof code === "number" && Number.isInteger(code) ? code : JSON_RPC_ERRORS.internal,
      message: typeof message === "string" ? message : "The server gave no reason",
      ...(data !== undefined && { data }),
    },
  };
}

/** A problem report about a request as a JSON-RPC error. The code of the report is in its data. */
export function responseFromReport(id: string | number, { code, comment, args }: JsonObject): JsonObject {
  const problem = typeof code === "string" ? code.slice(0, 256) : "e.p";
  const list: readonly unknown[] = Array.isArray(args) ? args : [];
  const text = typeof comment === "string" ? comment.slice(0, MAX_TEXT) : "";
  // The replacement is a function, because texts like $& have a meaning in a string.
  const filled = text.replaceAll(/\{(\d{1,3})\}/g, (_place, at: string) => {
    const arg = list[Number(at) - 1];
    return typeof arg === "string" ? arg.slice(0, 256) : "?";
  });
  return failure(id, filled === "" ? `The agent reports a problem: ${problem}` : filled, { problem });
}

/** Whether the answer to `initialize` means that the server has no sessions: it does not know the method. */
export function hasNoSessions({ error }: JsonObject): boolean {
  return isJsonObject(error) && error["code"] === JSON_RPC_ERRORS.methodNotFound;
}

/** The answer to `initialize` in the place of a server that needs none. */
export function withoutSessions(id: string | number, name: string): JsonObject {
  const result = { protocolVersion: MCP_VERSION, capabilities: { tools: {} }, serverInfo: { name, version: "1.0.0" } };
  return { jsonrpc: "2.0", id, result };
}

export function failure(
  id: string | number | null,
  message: string,
  data?: JsonObject,
  code: number = JSON_RPC_ERRORS.internal,
): JsonObject {
  return { jsonrpc: "2.0", id, error: { code, message, ...(data !== undefined && { data }) } };
}
