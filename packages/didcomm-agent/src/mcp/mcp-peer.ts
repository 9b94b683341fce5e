import { isJsonObject, type JsonObject, type JsonValue, type Message, type MessageInit } from "@parley/core";
import type { RequestOptions } from "../call-options.ts";
import type { ReceivedMessage } from "../inbound-message.ts";
import { McpError, resultOf } from "./mcp-error.ts";
import { RpcCode, type JsonRpcMessage } from "./json-rpc.ts";

/** What MCP needs of a client. */
export interface McpAgent {
  request(message: MessageInit, options?: RequestOptions): Promise<ReceivedMessage>;
  send(message: MessageInit): Promise<Message>;
  /** Reports an error of the application's code. */
  report(error: unknown): void;
}

/** Options of a call. */
export type McpCallOptions = Pick<RequestOptions, "timeoutMs" | "signal">;

/** A tool of an MCP server. */
export interface McpTool {
  readonly name: string;
  readonly [member: string]: JsonValue;
}

/** Parameters of {@link McpPeer.initialize}. */
export interface McpInitialize {
  /** Default: the last version with `initialize`. */
  readonly protocolVersion?: string;
  /** Default: none. */
  readonly capabilities?: JsonObject;
  readonly clientInfo?: { readonly name: string; readonly version?: string };
}

const LAST_VERSION_WITH_INITIALIZE = "2025-11-25";
/** Pages of a list of tools. */
const MAX_PAGES = 100;

/** The message type of a method: `tools/call` becomes `…/tools-call`. It can't be read backwards, so the method in the body counts. */
export function messageTypeOf(base: string, method: string): string {
  return `${base}/${method.replaceAll("/", "-")}`;
}

/**
 * Calls MCP methods of one agent: requests of the type `<base>/<method>`, whose body is the JSON-RPC request and whose response, of the type
 * `<base>/<method>-result`, has the JSON-RPC response.
 */
export class McpPeer {
  readonly did: string;
  readonly base: string;
  readonly #agent: McpAgent;

  /** Internal: see `McpBinding.peer`. */
  constructor(agent: McpAgent, base: string, did: string) {
    this.#agent = agent;
    this.base = base;
    this.did = did;
  }

  /**
   * Calls a method, and gives its result.
   *
   * @throws McpError when the other side answers with an error; TypeError for a method that can't be part of a message type; whatever
   *   `Client.request` throws.
   */
  async call(method: string, params?: object, options: McpCallOptions = {}): Promise<unknown> {
    return resultOf(await this.ask({ jsonrpc: "2.0", id: crypto.randomUUID(), method, ...(params !== undefined && { params }) }, options));
  }

  /** Sends a notification: a call without a response. @throws whatever `Client.send` throws */
  async notify(method: string, params?: object): Promise<void> {
    await this.tell({ jsonrpc: "2.0", method, ...(params !== undefined && { params }) });
  }

  /** Calls a tool (`tools/call`). @throws as {@link McpPeer.call} */
  async callTool(name: string, args: object = {}, options?: McpCallOptions): Promise<JsonObject> {
    return objectOf(await this.call("tools/call", { name, arguments: args }, options), "tools/call");
  }

  /** All tools (`tools/list`), from as many pages as there are, at most 100. @throws as {@link McpPeer.call} */
  async listTools(options?: McpCallOptions): Promise<readonly McpTool[]> {
    const tools: McpTool[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const result = objectOf(await this.call("tools/list", cursor === undefined ? undefined : { cursor }, options), "tools/list");
      const { tools: found = [], nextCursor } = result;
      if (!Array.isArray(found) || !found.every(isTool)) throw new McpError(RpcCode.INTERNAL_ERROR, "The list of tools is malformed");
      tools.push(...found);
      if (typeof nextCursor !== "string" || nextCursor === "") return tools;
      cursor = nextCursor;
    }
    throw new McpError(RpcCode.INTERNAL_ERROR, `The list of tools has more than ${MAX_PAGES} pages`);
  }

  /** Begins a session (`initialize`), where the server needs it. @throws as {@link McpPeer.call} */
  async initialize({ protocolVersion, capabilities, clientInfo }: McpInitialize = {}, options?: McpCallOptions): Promise<JsonObject> {
    const params = {
      protocolVersion: protocolVersion ?? LAST_VERSION_WITH_INITIALIZE,
      capabilities: capabilities ?? {},
      clientInfo: { version: "0", ...(clientInfo ?? { name: "layr8" }) },
    };
    return objectOf(await this.call("initialize", params, options), "initialize");
  }

  /** Internal: sends a request, and gives the body of its response. */
  async ask(request: JsonRpcMessage & { readonly method: string }, options: RequestOptions): Promise<JsonObject> {
    return (await this.#agent.request(this.#messageOf(request), options)).body;
  }

  /** Internal: sends a notification. */
  async tell(notification: JsonRpcMessage & { readonly method: string }): Promise<void> {
    await this.#agent.send(this.#messageOf(notification));
  }

  #messageOf(call: JsonRpcMessage & { readonly method: string }): MessageInit {
    return { type: messageTypeOf(this.base, call.method), to: this.did, body: call };
  }
}

function objectOf(result: unknown, method: string): JsonObject {
  if (isJsonObject(result)) return result;
  throw new McpError(RpcCode.INTERNAL_ERROR, `The result of ${method} must be an object`);
}

function isTool(value: JsonValue): value is McpTool {
  return isJsonObject(value) && typeof value["name"] === "string";
}
