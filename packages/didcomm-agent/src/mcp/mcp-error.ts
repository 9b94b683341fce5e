import { isJsonObject, ParleyError, type JsonObject } from "@parley/core";
import { RpcCode } from "./json-rpc.ts";

/** The other side has answered an MCP call with an error. */
export class McpError extends ParleyError<"mcp_error"> {
  override readonly name: string = "McpError";
  /** The code of the JSON-RPC error, such as -32601: no such method. */
  readonly rpcCode: number;
  /** What came with the error. */
  readonly data: unknown;

  /** @param rpcCode code of a JSON-RPC error: an integer. */
  constructor(rpcCode: number, message: string, data?: unknown) {
    super("mcp_error", message);
    this.rpcCode = rpcCode;
    this.data = data;
  }
}

/** The result of a response. @throws McpError for an error, and for what is neither a result nor an error */
export function resultOf(body: JsonObject): unknown {
  const { error } = body;
  if (isJsonObject(error)) {
    const { code, message, data } = error;
    throw new McpError(
      typeof code === "number" ? code : RpcCode.INTERNAL_ERROR,
      typeof message === "string" ? message : "The other side gives no reason",
      data,
    );
  }
  if (!("result" in body)) throw new McpError(RpcCode.INTERNAL_ERROR, "The other side has answered with neither a result nor an error");
  return body["result"];
}
